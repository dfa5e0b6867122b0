//! The `ottla` command. Reads the arguments, runs the verb, says how it went.

mod arguments;
mod bootstrap;
mod commands;
mod failure;
mod korean;
mod language;
mod output;
mod stop;

use std::process::ExitCode;

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::read();
    let output = arguments.output();
    // The broker brings threads of its own; a verb needs no more than this one.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ran = match runtime {
        Ok(runtime) => {
            let ran = runtime.block_on(commands::run(arguments, output));
            // A thread that reads stdin cannot be interrupted; do not wait.
            runtime.shutdown_background();
            ran
        }
        Err(error) => Err(failure::Failure::failed(error.to_string())),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failure(&failure),
    }
}
