//! What cargo knows about the workspace: its crates, who uses whom, and the
//! whole tree below one of them. Asked without the network.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::sources::root;

/// What a dependency is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Linked into whoever uses the crate; build scripts count as well.
    Normal,
    /// Tests, benches and examples.
    Dev,
}

/// The manifests of this repository.
pub struct Workspace {
    packages: Vec<Value>,
}

impl Workspace {
    pub fn read() -> Workspace {
        let json = cargo(&[
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ]);
        let metadata: Value = serde_json::from_str(&json).unwrap();
        let packages = metadata["packages"].as_array().unwrap().clone();
        Workspace { packages }
    }

    pub fn names(&self) -> BTreeSet<&str> {
        self.packages.iter().map(name).collect()
    }

    /// The crates of this repository that `crate_name` depends on.
    pub fn own_dependencies(&self, crate_name: &str, kind: Kind) -> Vec<String> {
        let package = self.packages.iter().find(|one| name(one) == crate_name);
        let dependencies = package.unwrap()["dependencies"].as_array().unwrap();
        dependencies
            .iter()
            .filter(|dependency| (dependency["kind"] == "dev") == (kind == Kind::Dev))
            .map(|dependency| name(dependency).to_owned())
            .filter(|dependency| self.names().contains(dependency.as_str()))
            .collect()
    }
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap()
}

/// The names of all crates that building `crate_name` for its users takes.
pub fn tree_of(crate_name: &str) -> BTreeSet<String> {
    let edges = ["-e", "normal,build", "--prefix", "none", "--no-dedupe"];
    let selected = ["tree", "--offline", "-p", crate_name];
    let tree = cargo(&[selected.as_slice(), edges.as_slice()].concat());
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
