//! `firefox`: a person sees a notification, with no internet in between.
//!
//! ```text
//!   Firefox ── page, API ─────────────► API ──► broker ──► push service
//!      ▲                                                        │
//!      └──── local push service ◄──── Web Push, encrypted ──────┘
//! ```
//!
//! It starts everything, or joins what runs, and opens Firefox with a profile
//! whose only peculiarity is where it gets its pushes from. The browser, the
//! page and the encryption are the real ones. It never touches a profile that
//! it did not make.

mod profile;
mod program;
mod show;
mod visitor;
mod window;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::Context as _;
use social_server_push::Console;
use url::Url;

use crate::cli::FirefoxOptions;
use crate::language::Language;
use crate::parts::{self, Parts, Plan};
use crate::stop::Stop;

use profile::Profile;
use program::Program;
use show::Scene;
use visitor::Visitor;
use window::Window;

/// Runs until Firefox is closed or somebody asks to stop.
pub(crate) async fn run(options: FirefoxOptions, language: Language) -> anyhow::Result<ExitCode> {
    let program = Program::find(language)?;
    let mut stop = Stop::new()?;
    let Some(services) = start(&options, &mut stop).await? else {
        return Ok(ExitCode::SUCCESS);
    };
    let browsed = browse(&options, &program, &services, &mut stop, language).await;
    eprintln!("\n  {}", language.pick("멈추는 중이에요", "stopping"));
    let in_order = services.shutdown().await;
    browsed?;
    Ok(ExitCode::from(u8::from(!in_order)))
}

/// What Firefox is opened on.
struct Services {
    page: Url,
    push_service: SocketAddr,
    /// `None` when somebody else runs them.
    own: Option<Parts>,
}

impl Services {
    /// False when something had to be cut off.
    async fn shutdown(self) -> bool {
        match self.own {
            Some(parts) => parts.shutdown().await,
            None => true,
        }
    }
}

/// `None` when the wish to stop came first.
async fn start(options: &FirefoxOptions, stop: &mut Stop) -> anyhow::Result<Option<Services>> {
    tokio::select! {
        services = async {
            match &options.api {
                Some(api) => join(api, options.push_service).await,
                None => start_own(options).await,
            }
        } => services.map(Some),
        () = stop.asked() => Ok(None),
    }
}

async fn start_own(options: &FirefoxOptions) -> anyhow::Result<Services> {
    let plan = Plan::new(
        &options.services,
        Some(options.push_service),
        true,
        Console::stdout(),
    )?;
    let parts = parts::start(plan).await?;
    let push_service = parts
        .push_service
        .as_ref()
        .context("the plan asks for a local push service")?
        .address;
    let page = Url::parse(&format!("http://{}/", reachable(parts.api.address)))
        .context("a socket address makes a URL")?;
    Ok(Services {
        page,
        push_service,
        own: Some(parts),
    })
}

/// An API that listens everywhere is reached on this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Says what does not answer before a browser window hides the sentence.
async fn join(api: &Url, push_service: SocketAddr) -> anyhow::Result<Services> {
    let healthy = api.join("/healthz").context("--api is no URL of an API")?;
    let answers =
        |url: String| async { Ok::<_, reqwest::Error>(reqwest::get(url).await?.status()) };
    anyhow::ensure!(
        answers(healthy.into())
            .await
            .is_ok_and(|status| status.is_success()),
        "no API answers at {api}; start the services first, or leave --api out to start them here"
    );
    anyhow::ensure!(
        answers(format!("http://{push_service}/healthz"))
            .await
            .is_ok_and(|status| status.is_success()),
        "no local push service answers at {push_service}; run `ottla-demo push-service`, or start \
         the services with --push-service, and say where with --push-service HOST:PORT"
    );
    Ok(Services {
        page: api.join("/").context("--api is no URL of a page")?,
        push_service,
        own: None,
    })
}

async fn browse(
    options: &FirefoxOptions,
    program: &Program,
    services: &Services,
    stop: &mut Stop,
    language: Language,
) -> anyhow::Result<()> {
    let profile = Profile::make(
        options.profile.as_deref(),
        &program.profiles_below(),
        &profile::preferences(services.push_service, options.headless),
    )?;
    let scene = Scene {
        parts: services.own.as_ref().map(|parts| parts.list.as_slice()),
        program: program.path(),
        profile: &profile,
        page: &services.page,
        headless: options.headless,
    };
    eprint!("{}", show::scene(language, &scene));
    let mut window = Window::open(program, &profile, &services.page, options)?;
    let mut visitor = Visitor::new(&services.page, language);
    let visits = async {
        visitor.comment_when_asked().await;
        std::future::pending::<()>().await;
    };
    let closed = tokio::select! {
        ended = window.closed() => Some(ended),
        () = stop.asked() => None,
        () = visits => None,
    };
    match closed {
        Some(ended) => ended,
        None => window.end().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_opened_where_a_browser_on_this_machine_reaches_it() {
        for (listens, opens) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), opens);
        }
    }
}
