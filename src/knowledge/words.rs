//! Words that say nothing about a chunk's subject: common English, keywords of Python and Rust, and the vocabulary that
//! every manual shares. Called by `entities`; pure.

use std::collections::HashSet;
use std::sync::LazyLock;

const STOP_WORDS: &str = "
a about above after again against ain all allow allows also although always among an and another any
anything are aren argument arguments around as assert async at attr available await be because become been
before being below between block both break but by call called calls can cannot case cases cause changed
class classes code come const continue could couldn crate data def default deprecated did didn different do
does doesn doing don done down due during dyn each either elif else elsewhere end enough enum etc even every
example examples except extern false few file files finally first follow following follows for form from
func function functions further general get gets give given gives global go hadn has hasn have haven having
he her here him his how however i if impl import in include included includes including indicate inside
instead into is isn it its itself just keep kind know known lambda last later least less let like likely
list long look loop made make makes making many match may mean means meth method methods might mod module
modules more most move much must mustn mut my name names need needed needn needs never new next no non none
nonlocal nor not note nothing now number object objects of off often old on once one only onto or order
other others otherwise our out over own parameter parameters part particular pass passed per perhaps
possible previous program provide provided provides pub put python raise rather read ref result results
return returned returning returns same second see seen self set sets several shall she should shouldn
similar simple simply since single so some something sometimes specified static still string strings struct
such super support supported supports sure take taken takes term than that the their them then there
therefore these they thing things this those three through thus time to together too trait true two type
types under unsafe until up upon use used useful user uses using usually value values various version
versionadded versionchanged very via want was wasn way we well were weren what when where whether which
while who whole whose why will with within without won work works would wouldn yet yield you your
";

static SET: LazyLock<HashSet<&str>> = LazyLock::new(|| STOP_WORDS.split_whitespace().collect());

/// Expects lower case.
pub(crate) fn is_stop_word(word: &str) -> bool {
    SET.contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_say_nothing_and_subjects_do() {
        assert!(is_stop_word("the") && is_stop_word("return") && !is_stop_word("heap"));
    }
}
