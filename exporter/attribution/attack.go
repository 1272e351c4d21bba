package attribution

import (
	"fmt"
	"sync"
)

var attacksFile = newDataFile[attackFile]("attacks")

// attackTable knows what only vulnerability scanners ask for.
type attackTable struct {
	matcher *matcher
	tokens  []attackToken
	// sieve lets targets pass that may hold one of the tokens that are an attack
	// always.
	sieve sieve
}

type attackToken struct {
	// whole: the token is a segment and must end where one does.
	whole bool
	// always: it is an attack whatever the answer was, else only where the request
	// failed.
	always bool
}

// attackFile is the form of the table.
type attackFile struct {
	Always attackRules `yaml:"always"`
	Failed attackRules `yaml:"failed"`
}

// attackRules is a part of the table.
type attackRules struct {
	Anywhere []string `yaml:"anywhere"`
	Segments []string `yaml:"segments"`
	Prefixes []string `yaml:"prefixes"`
}

// builtinAttacks returns the table, compiled at the first call.
var builtinAttacks = sync.OnceValues(newAttackTable)

func newAttackTable() (*attackTable, error) {
	file, err := attacksFile.decoded()
	if err != nil {
		return nil, fmt.Errorf("data/attacks.yaml: %w", err)
	}
	t := &attackTable{}
	var texts []string
	for _, rules := range []struct {
		attackRules
		always bool
	}{{file.Always, true}, {file.Failed, false}} {
		for _, s := range rules.Anywhere {
			texts, t.tokens = append(texts, s), append(t.tokens, attackToken{always: rules.always})
		}
		for _, s := range rules.Prefixes {
			texts, t.tokens = append(texts, "/"+s), append(t.tokens, attackToken{always: rules.always})
		}
		for _, s := range rules.Segments {
			texts, t.tokens = append(texts, "/"+s), append(t.tokens, attackToken{whole: true, always: rules.always})
		}
	}
	for i, s := range texts {
		text, _, err := parseToken(s)
		if err != nil || len(text) < sieveText {
			return nil, fmt.Errorf("data/attacks.yaml: token %q is too short", s)
		}
		if t.tokens[i].always {
			t.sieve.add(text)
		}
	}
	if t.matcher, err = newMatcher(texts); err != nil {
		return nil, fmt.Errorf("data/attacks.yaml: %w", err)
	}
	return t, nil
}

// maxAttack is how much of a target is looked at.
const maxAttack = 4096

// is reports whether the target is an attack.
func (t *attackTable) is(target []byte, failed bool) bool {
	target = target[:min(len(target), maxAttack)]
	if !failed && !t.sieve.passes(target) {
		return false
	}
	var state uint16
	for i, b := range target {
		if state = t.matcher.step(state, b); state < t.matcher.accept {
			continue
		}
		for _, h := range t.matcher.at(state) {
			token := &t.tokens[h.token]
			if (token.always || failed) && h.allows(target, i+1) && (!token.whole || endsSegment(target[i+1:])) {
				return true
			}
		}
	}
	return false
}

// endsSegment reports whether a path segment ends before rest.
func endsSegment(rest []byte) bool {
	if len(rest) == 0 {
		return true
	}
	switch rest[0] {
	case '/', '?', '#', '&', ';':
		return true
	}
	return false
}
