//! Numbers that a double does not hold exactly as they are written.
//!
//! A JSON number is a decimal of any length; most readers, ours and those of our clients, keep a double (RFC 8259,
//! section 6). One that changes on the way would be stored as another number, and two requests that differ only there
//! would count as one.

/// The numbers of a JSON text, in their order, as they are written.
pub(super) struct Numbers<'b> {
    rest: &'b [u8],
}

impl<'b> Numbers<'b> {
    pub(super) fn of(body: &'b [u8]) -> Self {
        Self { rest: body }
    }

    /// The one after `passed` more. It looks at each byte once, however often it is asked; of a text that is no JSON it
    /// may find anything.
    pub(super) fn after(&mut self, passed: usize) -> Option<&'b str> {
        for _ in 0..passed {
            self.next_number()?;
        }
        self.next_number()
    }

    fn next_number(&mut self) -> Option<&'b str> {
        loop {
            let (&first, behind) = self.rest.split_first()?;
            match first {
                b'"' => self.rest = behind_string(behind),
                b'-' | b'0'..=b'9' => {
                    let is_part =
                        |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
                    let length = self.rest.iter().take_while(|byte| is_part(byte)).count();
                    let (number, behind) = self.rest.split_at(length);
                    self.rest = behind;
                    return std::str::from_utf8(number).ok();
                }
                _ => self.rest = behind,
            }
        }
    }
}

/// Whether a double gives this number back: its shortest spelling has the same digits at the same place.
pub(super) fn is_exact(number: &str) -> bool {
    number.parse::<f64>().is_ok_and(|double| digits(number) == digits(&format!("{double:e}")))
}

/// Its digits without leading and trailing zeros, and the power of ten of the last; the sign is never lost.
/// `None`: an exponent that no number of ours has.
fn digits(number: &str) -> Option<(Vec<u8>, i64)> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = whole.bytes().chain(fraction.bytes()).filter(u8::is_ascii_digit);
    let mut digits: Vec<u8> = all.skip_while(|digit| *digit == b'0').collect();
    let length = digits.len();
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    if digits.is_empty() {
        return Some((digits, 0));
    }
    let cut = i64::try_from(length - digits.len()).ok()?;
    let power = exponent.parse::<i64>().ok()? - i64::try_from(fraction.len()).ok()?;
    Some((digits, power.checked_add(cut)?))
}

/// Behind the closing quote; the text begins behind the opening one.
fn behind_string(text: &[u8]) -> &[u8] {
    let mut is_escaped = false;
    let end = text.iter().position(|&byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(&[], |end| &text[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_numbers_of_a_text_and_none_in_its_strings() {
        let body = br#"{"a1":[-1, 2.5e3,"3\"4",{"\\":5}],"6":"7\\","b":80}"#;
        let mut numbers = Numbers::of(body);
        assert_eq!(numbers.after(0), Some("-1"));
        assert_eq!(numbers.after(1), Some("5"));
        assert_eq!(numbers.after(0), Some("80"));
        assert_eq!(numbers.after(0), None);
    }

    #[test]
    fn knows_what_a_double_gives_back() {
        for exact in [
            "0",
            "-0.0",
            "0e9",
            "0.1",
            "100.0",
            "1e2",
            "1.50",
            "123456789012345680000",
            "9007199254740993e0000",
            "-1.7976931348623157e308",
            "5e-324",
            "0.30000000000000004",
            "1E+2",
        ] {
            let is_odd = exact.starts_with("9007199254740993");
            assert_eq!(is_exact(exact), !is_odd, "{exact}");
        }
        for lossy in [
            "123456789012345678901",
            "12345678901234567890.5",
            "0.1234567890123456789",
            "1e-400",
            "1e400",
            "3e-324",
        ] {
            assert!(!is_exact(lossy), "{lossy}");
        }
    }
}
