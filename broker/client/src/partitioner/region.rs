//! Partitioning by province (도): the seventeen first-level regions of Korea,
//! each with a fixed number, so that one region's records stay together.

/// Names a key may begin with, in the order of the regions' official codes.
const REGIONS: [&[&str]; 17] = [
    &["서울", "seoul"],
    &["부산", "busan"],
    &["대구", "daegu"],
    &["인천", "incheon"],
    &["광주", "gwangju"],
    &["대전", "daejeon"],
    &["울산", "ulsan"],
    &["세종", "sejong"],
    &["경기", "gyeonggi"],
    &["강원", "gangwon"],
    &["충북", "충청북", "chungbuk", "chungcheongbuk"],
    &["충남", "충청남", "chungnam", "chungcheongnam"],
    &["전북", "전라북", "jeonbuk", "jeollabuk"],
    &["전남", "전라남", "jeonnam", "jeollanam"],
    &["경북", "경상북", "gyeongbuk", "gyeongsangbuk"],
    &["경남", "경상남", "gyeongnam", "gyeongsangnam"],
    &["제주", "jeju"],
];

/// The number of the region that `key` begins with, as in `경기도 수원시` or
/// `Gyeonggi-do`; `None` when it names none.
pub fn region_number(key: &[u8]) -> Option<i32> {
    let key = std::str::from_utf8(key).ok()?.trim_start().to_lowercase();
    let place = REGIONS
        .iter()
        .position(|names| names.iter().any(|name| key.starts_with(name)))?;
    i32::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_known_by_its_short_full_and_english_name() {
        for name in ["충북 청주시", "충청북도", "Chungcheongbuk-do", " chungbuk"] {
            assert_eq!(region_number(name.as_bytes()), Some(10), "{name}");
        }
        assert_eq!(region_number("서울특별시".as_bytes()), Some(0));
        assert_eq!(region_number("제주특별자치도".as_bytes()), Some(16));
    }

    #[test]
    fn other_keys_name_no_region() {
        assert_eq!(region_number(b"user-1"), None);
        assert_eq!(region_number(&[0xff, 0xfe]), None);
        assert_eq!(region_number(b""), None);
    }
}
