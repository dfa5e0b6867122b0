//! A profile image: at most 1 MiB of PNG, JPEG or WebP, told by its content.

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// The largest image, in bytes.
pub const BYTES_MAX: usize = 1024 * 1024;

/// What the first bytes say the image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// ISO/IEC 15948.
    Png,
    /// JFIF or Exif.
    Jpeg,
    /// RIFF with WEBP inside.
    Webp,
}

/// An image that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileImage {
    /// The name it is served under: the hash of its content, so one image is stored once.
    pub name: String,
    /// What it is.
    pub kind: ImageKind,
    /// Its content.
    pub bytes: Bytes,
}

/// Bytes that are no acceptable image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// More than 1 MiB.
    #[error("image must have at most 1 MiB")]
    TooLarge,
    /// None of the three kinds.
    #[error("image must be PNG, JPEG or WebP")]
    Kind,
}

impl ImageKind {
    /// What `bytes` are, whatever their name or the sender says.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [
                0x89,
                b'P',
                b'N',
                b'G',
                b'\r',
                b'\n',
                0x1a,
                b'\n',
                _,
                _,
                _,
                _,
                b'I',
                b'H',
                b'D',
                b'R',
                ..,
            ] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Self::Webp),
            _ => None,
        }
    }

    /// The media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

impl ProfileImage {
    /// Reads an image.
    ///
    /// # Errors
    /// When it is too large or of another kind.
    pub fn parse(bytes: Bytes) -> Result<Self, ImageError> {
        if bytes.len() > BYTES_MAX {
            return Err(ImageError::TooLarge);
        }
        let kind = ImageKind::of(&bytes).ok_or(ImageError::Kind)?;
        let name = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self { name, kind, bytes })
    }

    /// Where it is served.
    #[must_use]
    pub fn url(&self) -> String {
        format!("/images/{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn content_tells_the_kind() {
        assert_eq!(
            ImageKind::of(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            Some(ImageKind::Png)
        );
        assert_eq!(ImageKind::of(b"\xff\xd8\xff\xe0"), Some(ImageKind::Jpeg));
        assert_eq!(
            ImageKind::of(b"RIFF\0\0\0\0WEBPVP8 "),
            Some(ImageKind::Webp)
        );
        for bytes in [&b"<svg xmlns="[..], b"GIF89a", b"", b"RIFF\0\0\0\0WAVE"] {
            assert_eq!(ImageKind::of(bytes), None);
        }
    }

    #[test]
    fn more_than_a_mebibyte_is_too_large() {
        let mut bytes = b"\xff\xd8\xff".to_vec();
        bytes.resize(BYTES_MAX, 0);
        assert!(ProfileImage::parse(bytes.clone().into()).is_ok());
        bytes.push(0);
        assert_eq!(ProfileImage::parse(bytes.into()), Err(ImageError::TooLarge));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_image_or_refused(bytes: Vec<u8>) {
            let _ = ProfileImage::parse(bytes.into());
        }
    }
}
