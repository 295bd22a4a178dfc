//! A number that counts: the same text with a part of its number, in the digits and with the separators it is written in.

/// A number in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    before: String,
    /// As written: digits and separators.
    written: Vec<char>,
    after: String,
    /// All its digits as one whole number: 1299 for 12,99.
    value: u64,
    /// Digits after the decimal separator.
    decimals: usize,
    /// The digit nought of its script.
    zero: char,
}

/// The digit noughts of the scripts that are counted in.
const ZEROES: [char; 5] = ['0', '\u{0660}', '\u{06F0}', '\u{0966}', '\u{0E50}'];
const SEPARATORS: [char; 9] = ['.', ',', '\'', '\u{2019}', '\u{A0}', '\u{202F}', ' ', '\u{066B}', '\u{066C}'];
const MOST_DIGITS: usize = 15;

fn digit(c: char) -> Option<(char, u64)> {
    let zero = ZEROES.into_iter().find(|z| (*z..=char::from_u32(*z as u32 + 9).unwrap_or(*z)).contains(&c))?;
    Some((zero, u64::from(c as u32 - zero as u32)))
}

impl Number {
    /// The first number of a text.
    ///
    /// # Errors
    /// There is none, or it is too long.
    pub fn find(text: &str) -> Result<Self, String> {
        let all: Vec<char> = text.chars().collect();
        let start = all.iter().position(|c| digit(*c).is_some());
        let start = start.ok_or_else(|| format!("there is no number to count in \"{text}\""))?;
        let mut end = start + 1;
        while end < all.len() {
            // A separator belongs to the number when a digit follows it.
            let next = all.get(end + 1).is_some_and(|c| digit(*c).is_some());
            if digit(all[end]).is_some() || (SEPARATORS.contains(&all[end]) && next) {
                end += 1;
            } else {
                break;
            }
        }
        let written = all[start..end].to_vec();
        let digits: Vec<(char, u64)> = written.iter().filter_map(|c| digit(*c)).collect();
        if digits.len() > MOST_DIGITS {
            return Err(format!("the number in \"{text}\" has more than {MOST_DIGITS} digits"));
        }
        let last = written.iter().rposition(|c| SEPARATORS.contains(c));
        let decimals = last.map_or(0, |at| {
            let after = written.len() - at - 1;
            let decimal = matches!(written[at], '.' | ',' | '\u{066B}');
            if decimal && after != 3 { after } else { 0 }
        });
        Ok(Self {
            before: all[..start].iter().collect(),
            value: digits.iter().fold(0, |n, (_, d)| n * 10 + d),
            zero: digits.first().map_or('0', |(z, _)| *z),
            written,
            after: all[end..].iter().collect(),
            decimals,
        })
    }

    /// How many different numbers lie between nought and it.
    #[must_use]
    pub fn distinct(&self) -> u64 {
        self.value
    }

    /// The text when it has counted to `part` (0 to 1) of the number.
    #[must_use]
    pub fn at(&self, part: f64) -> String {
        let mut left = (self.value as f64 * part.clamp(0.0, 1.0)).round() as u64;
        let mut reversed = Vec::new();
        let mut placed = 0;
        for c in self.written.iter().rev() {
            if left == 0 && placed > self.decimals {
                break;
            }
            if digit(*c).is_some() {
                reversed.push(char::from_u32(self.zero as u32 + (left % 10) as u32).unwrap_or('0'));
                left /= 10;
                placed += 1;
            } else {
                reversed.push(*c);
            }
        }
        while reversed.last().is_some_and(|c| digit(*c).is_none()) {
            reversed.pop();
        }
        let number: String = reversed.into_iter().rev().collect();
        format!("{}{number}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn numbers_count_in_their_own_digits_and_separators() {
        let check = |text: &str, steps: [&str; 3]| {
            let number = Number::find(text).unwrap();
            assert_eq!([0.0, 0.5, 1.0].map(|p| number.at(p)), steps, "{text}");
        };
        check("100", ["0", "50", "100"]);
        check("-30 %", ["-0 %", "-15 %", "-30 %"]);
        check("$12.99", ["$0.00", "$6.50", "$12.99"]);
        check("12,99 €", ["0,00 €", "6,50 €", "12,99 €"]);
        check("1.299,00 €", ["0,00 €", "649,50 €", "1.299,00 €"]);
        check("1,299", ["0", "650", "1,299"]);
        check("₹1,00,000", ["₹0", "₹50,000", "₹1,00,000"]);
        check("CHF 1’250.–", ["CHF 0.–", "CHF 625.–", "CHF 1’250.–"]);
        check("1 299 kr", ["0 kr", "650 kr", "1 299 kr"]);
        check("٤٩٫٩٠ ر.س", ["٠٫٠٠ ر.س", "٢٤٫٩٥ ر.س", "٤٩٫٩٠ ر.س"]);
        check("केवल ₹४९९", ["केवल ₹०", "केवल ₹२५०", "केवल ₹४९९"]);
        assert!(Number::find("free").is_err());
        assert!(Number::find(&"9".repeat(16)).is_err());
    }
}
