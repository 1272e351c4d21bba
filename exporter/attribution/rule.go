package attribution

// A Rule names the rule that decided a Verdict.
type Rule uint16
