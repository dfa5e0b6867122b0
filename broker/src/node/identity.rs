//! Who a data directory belongs to: `meta.properties`, in Kafka's format.

use std::fs;
use std::io;
use std::path::Path;

use ottla_core::ids::{NodeId, TopicId};
use uuid::Uuid;

const FILE: &str = "meta.properties";

/// Why a data directory cannot be used by this node.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("cannot use {file}: {source}")]
    Io { file: String, source: io::Error },
    #[error("{file} is not a meta.properties file: {problem}")]
    Malformed { file: String, problem: String },
    #[error(
        "{file} belongs to node {found}, and this is node {expected}: \
         give the node its own data directory, or set node.id={found}"
    )]
    OtherNode {
        file: String,
        found: i32,
        expected: i32,
    },
}

/// A cluster id of Kafka's form: 16 random bytes as URL-safe base64.
pub(crate) fn new_cluster_id() -> String {
    TopicId(Uuid::new_v4().into_bytes()).to_string()
}

/// Reads the cluster's id from a data directory, or gives it one.
pub(crate) fn read_or_create(data: &Path, node_id: NodeId) -> Result<String, IdentityError> {
    let path = data.join(FILE);
    let file = path.display().to_string();
    match fs::read_to_string(&path) {
        Ok(text) => parse(&file, &text, node_id),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let cluster_id = new_cluster_id();
            let text = format!("version=1\ncluster.id={cluster_id}\nnode.id={node_id}\n");
            write_whole(&path, &text).map_err(|source| IdentityError::Io { file, source })?;
            Ok(cluster_id)
        }
        Err(source) => Err(IdentityError::Io { file, source }),
    }
}

fn parse(file: &str, text: &str, node_id: NodeId) -> Result<String, IdentityError> {
    let malformed = |problem: &str| IdentityError::Malformed {
        file: file.to_owned(),
        problem: problem.to_owned(),
    };
    let pairs = crate::config::parse_properties(file, text)
        .map_err(|error| malformed(&error.to_string()))?;
    let value = |wanted: &str| {
        let found = pairs.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    };
    if value("version") != Some("1") {
        return Err(malformed("version is not 1"));
    }
    let found = value("node.id").and_then(|id| id.parse().ok());
    let found: i32 = found.ok_or_else(|| malformed("node.id is missing"))?;
    if found != node_id.0 {
        let file = file.to_owned();
        return Err(IdentityError::OtherNode {
            file,
            found,
            expected: node_id.0,
        });
    }
    let cluster_id = value("cluster.id").filter(|id| !id.is_empty());
    cluster_id
        .map(str::to_owned)
        .ok_or_else(|| malformed("cluster.id is missing"))
}

/// All of it or nothing, and still there after a power cut.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("properties.tmp");
    fs::write(&draft, text)?;
    fs::File::open(&draft)?.sync_all()?;
    fs::rename(&draft, path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_directory_keeps_its_cluster_id() {
        let folder = tempfile::tempdir().unwrap();
        let first = read_or_create(folder.path(), NodeId(1)).unwrap();
        assert_eq!(first.len(), 22);
        assert_eq!(read_or_create(folder.path(), NodeId(1)).unwrap(), first);
    }

    #[test]
    fn another_node_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        read_or_create(folder.path(), NodeId(1)).unwrap();
        let refused = read_or_create(folder.path(), NodeId(2));
        assert!(matches!(
            refused,
            Err(IdentityError::OtherNode {
                found: 1,
                expected: 2,
                ..
            })
        ));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in ".*") {
            let _ = parse("f", &text, NodeId(0));
        }
    }
}
