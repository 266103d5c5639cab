//! Numbers, and amounts of money as shops write them.

use super::raw::RawObject;
use super::scalar::text;
use super::value::Raw;

/// Signs of currencies, before an amount or behind it.
const SIGNS: [char; 16] = [
    '$', '€', '£', '¥', '￥', '₹', '₩', '₽', '₺', '₴', '₫', '₱', '₦', '฿', '₪', '₡',
];

/// The codes of currencies in use: <https://www.six-group.com/en/products-services/financial-information/data-standards.html>
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL \
    BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD \
    FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS \
    KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK \
    MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX \
    USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG";

/// Reads a finite number, or text that is one (`"39.95"`, `"1e3"`), also with one currency sign or
/// ISO code (`"$39.95"`, `"39.95 USD"`) and with groups of thousands before a decimal point
/// (`"1,234.50"`). An object of money gives its `amount`. `"12,50"` and `"1,234"` are ambiguous, so
/// they give `None`.
pub fn number(raw: Raw<'_>) -> Option<f64> {
    if raw.get().starts_with('{') {
        let amount = RawObject::parse(raw)?.get("amount")?;
        return if amount.get().starts_with('{') {
            None
        } else {
            number(amount)
        };
    }
    let text = text(raw)?;
    if let Some(number) = plain_number(&text) {
        return Some(number);
    }
    // The sign of a refund may come before that of the currency.
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, &*text),
    };
    let amount = without_currency(text);
    if is_negative && amount.starts_with('-') {
        return None;
    }
    let number = plain_number(amount).or_else(|| plain_number(&without_groups(amount)?))?;
    Some(if is_negative { -number } else { number })
}

/// Returns the ISO code that an amount of text has, as it is written.
pub fn currency_code(text: &str) -> Option<&str> {
    let (_, code) = split_code(text.trim())?;
    Some(code)
}

fn plain_number(text: &str) -> Option<f64> {
    // Rust's parser also accepts "inf" and "nan", which are no amounts.
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
    {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Removes one currency sign or ISO code, before the number or behind it.
fn without_currency(text: &str) -> &str {
    let shorter = text
        .strip_prefix(SIGNS)
        .or_else(|| text.strip_suffix(SIGNS))
        .or_else(|| split_code(text).map(|(amount, _)| amount));
    shorter.unwrap_or(text).trim()
}

/// Splits an amount from the ISO code before it or behind it.
fn split_code(text: &str) -> Option<(&str, &str)> {
    if let Some((code, amount)) = text.split_at_checked(3)
        && is_code(code)
    {
        return Some((amount, code));
    }
    let (amount, code) = text.split_at_checked(text.len().checked_sub(3)?)?;
    if is_code(code) {
        Some((amount, code))
    } else {
        None
    }
}

fn is_code(text: &str) -> bool {
    CODES.split(' ').any(|code| code.eq_ignore_ascii_case(text))
}

/// Removes the commas of a number whose groups and decimal point leave no doubt: `1,234.50`.
fn without_groups(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.')?;
    let mut groups = whole.split(',');
    let first = groups.next()?.trim_start_matches(['+', '-']);
    let is_first = (1..=3).contains(&first.len());
    let is_whole = is_first && whole.contains(',') && groups.all(|group| group.len() == 3);
    let is_plain = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if is_whole && is_plain && !fraction.is_empty() {
        Some(text.replace(',', ""))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_numbers_are_not_guessed() {
        for (json, expected) in [
            ("39.95", Some(39.95)),
            (r#""39.95""#, Some(39.95)),
            (r#"" 1e3 ""#, Some(1000.0)),
            (r#""-5""#, Some(-5.0)),
            (r#""$39.95""#, Some(39.95)),
            (r#""-$5""#, Some(-5.0)),
            (r#""$-5""#, Some(-5.0)),
            (r#""-$-5""#, None),
            (r#""--5""#, None),
            (r#""39.95 USD""#, Some(39.95)),
            (r#""EUR 39.95""#, Some(39.95)),
            (r#""39.95usd""#, Some(39.95)),
            (r#""39.95€""#, Some(39.95)),
            (r#""1,234.50""#, Some(1234.5)),
            (r#""-1,234.50""#, Some(-1234.5)),
            (r#""$1,234,567.50""#, Some(1_234_567.5)),
            (r#"{"amount": "12.50", "currency": "EUR"}"#, Some(12.5)),
            (r#"{"Amount": 5}"#, Some(5.0)),
            (r#"{"amount": {"amount": 1}}"#, None),
            (r#""1,234""#, None),
            (r#""1,23.50""#, None),
            (r#""1.234,50""#, None),
            (r#""$5 USD""#, None),
            (r#""12 pcs""#, None),
            (r#""12 PCS""#, None),
            (r#""USD""#, None),
            (r#""12,50""#, None),
            (r#""inf""#, None),
            (r#""NaN""#, None),
            ("1e400", None),
            (r#""""#, None),
            ("{}", None),
        ] {
            let raw: Raw<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(number(raw), expected, "{json}");
        }
    }
}
