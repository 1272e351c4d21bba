package attribution

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/darkshare/darkshare/exporter/schema"
)

// An AgentRule says what a user agent is that holds one of the tokens. The
// user's rules come before the tables, and of several rules the first applies.
type AgentRule struct {
	// Tokens are texts to look for, whatever their case. A leading ^ or trailing $
	// ties a token to the start or the end of the user agent, a leading or trailing
	// | forbids a letter beside it, a leading * demands a letter or digit before it.
	Tokens []string `yaml:"tokens"`
	// Also and Not list tokens that must, or must not, be there as well.
	Also []string `yaml:"also"`
	Not  []string `yaml:"not"`
	// Class is browser, inapp, preview, mail or bot.
	Class string `yaml:"class"`
	// Kind says what a bot is for: crawler, ai, library, monitor, scanner, feed
	// or other, which is the default.
	Kind string `yaml:"kind"`
	// App is the source, needed for in-app browsers, previews and mail clients:
	// lower-case letters, digits and underscores.
	App string `yaml:"app"`
	// Name is what explain says; by default the token.
	Name string `yaml:"name"`
	// Channel is the channel of a visit from the app, by default dark_social.
	Channel string `yaml:"channel"`
	// Scope is to whom a preview is shown: private, public or mixed, the default.
	Scope string `yaml:"scope"`
	// Source is where the rule is from.
	Source string `yaml:"source"`
}

// An agentTable says what user agents are. It is immutable.
type agentTable struct {
	matcher *matcher
	effects []effect // of each token
	rules   []agentRule
	// conditional lists the rules with conditions, ascending.
	conditional []int
}

// An effect is what follows from a token.
type effect struct {
	features features
	// rule is the rule that applies without conditions, conditional the index
	// in agentTable.conditional of one that has some.
	rule, conditional int
}

// An agentRule is an AgentRule, compiled.
type agentRule struct {
	agent
	also, not features
	// engine: the token is of an engine, which bots write too, so the shape of
	// the agent is looked at.
	engine bool
}

func (r *agentRule) holds(found features) bool {
	for i, f := range found {
		if r.also[i]&^f != 0 || r.not[i]&f != 0 {
			return false
		}
	}
	return true
}

const (
	maxConditional = 512
	noRule         = 1 << 30
)

// agentFiles lists the tables, the first that knows an agent deciding.
var agentFiles = []dataFile[agentFile]{
	newDataFile[agentFile]("agents_previews"),
	newDataFile[agentFile]("agents_mail"),
	newDataFile[agentFile]("agents_bots"),
	newDataFile[agentFile]("agents_apps"),
	newDataFile[agentFile]("agents_signs"),
	newDataFile[agentFile]("agents"),
}

// agentFile is the form of the tables.
type agentFile struct {
	// Devices is in agents.yaml only.
	Devices struct {
		TV        []string `yaml:"tv"`
		Windows   []string `yaml:"windows"`
		Tablet    []string `yaml:"tablet"`
		Mobile    []string `yaml:"mobile"`
		Android   []string `yaml:"android"`
		Desktop   []string `yaml:"desktop"`
		Macintosh []string `yaml:"macintosh"`
	} `yaml:"devices"`
	Agents []struct {
		AgentRule `yaml:",inline"`
		Engine    bool `yaml:"engine"`
	} `yaml:"agents"`
}

// newAgentTable compiles the tables and the user's own rules, which win.
func newAgentTable(src *sources, extra []AgentRule) (*agentTable, error) {
	b := agentBuilder{tokens: map[string]int{}, features: map[string]int{}, next: numDeviceFeatures}
	for i := range extra {
		if err := b.add(src, &extra[i], false); err != nil {
			return nil, fmt.Errorf("agent rule %d: %w", i+1, err)
		}
	}
	for _, f := range agentFiles {
		if err := b.addFile(src, f); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	b.rules = append(b.rules, agentRule{agent: agent{traits: traits{class: classBot}, name: "nothing of a browser's"}})
	m, err := newMatcher(b.names)
	if err != nil {
		return nil, err
	}
	return &agentTable{matcher: m, effects: b.effects, rules: b.rules, conditional: b.conditional}, nil
}

// An agentBuilder collects rules.
type agentBuilder struct {
	names    []string
	tokens   map[string]int // to its index in names and effects
	features map[string]int // a token that conditions ask for, to its feature
	next     int
	agentTable
}

func (b *agentBuilder) addFile(src *sources, f dataFile[agentFile]) error {
	file, err := f.decoded()
	if err != nil {
		return err
	}
	for i := range file.Agents {
		if err := b.add(src, &file.Agents[i].AgentRule, file.Agents[i].Engine); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	for feature, tokens := range [numDeviceFeatures][]string{
		featureTV:        file.Devices.TV,
		featureWindows:   file.Devices.Windows,
		featureTablet:    file.Devices.Tablet,
		featureMobile:    file.Devices.Mobile,
		featureAndroid:   file.Devices.Android,
		featureDesktop:   file.Devices.Desktop,
		featureMacintosh: file.Devices.Macintosh,
	} {
		for _, t := range tokens {
			b.token(t).features.set(feature)
		}
	}
	return nil
}

// add compiles one rule. Where it has no name of its own, it becomes one for
// each token, named by that.
func (b *agentBuilder) add(src *sources, r *AgentRule, engine bool) error {
	c := agentRule{engine: engine}
	if err := r.parse(src, &c.agent); err != nil {
		return err
	}
	var err error
	if c.also, err = b.condition(r.Also); err != nil {
		return err
	}
	if c.not, err = b.condition(r.Not); err != nil {
		return err
	}
	if len(r.Tokens) == 0 {
		return errors.New("no tokens")
	}
	for i, t := range r.Tokens {
		if _, _, err := parseToken(t); err != nil {
			return err
		}
		if i == 0 || r.Name == "" {
			if c.name = r.Name; c.name == "" {
				c.name = tokenName(t)
			}
			if len(r.Also)+len(r.Not) > 0 {
				b.conditional = append(b.conditional, len(b.rules))
			}
			b.rules = append(b.rules, c)
		}
		e := b.token(t)
		if len(r.Also)+len(r.Not) == 0 {
			e.rule = min(e.rule, len(b.rules)-1)
			continue
		}
		if e.conditional >= 0 {
			e = b.newToken(t)
		}
		e.conditional = len(b.conditional) - 1
	}
	if len(b.conditional) > maxConditional {
		return fmt.Errorf("more than %d rules with conditions", maxConditional)
	}
	return nil
}

// token returns the effect of a token, new where there is none yet.
func (b *agentBuilder) token(t string) *effect {
	if i, ok := b.tokens[t]; ok {
		return &b.effects[i]
	}
	b.tokens[t] = len(b.names)
	return b.newToken(t)
}

func (b *agentBuilder) newToken(t string) *effect {
	b.names = append(b.names, t)
	b.effects = append(b.effects, effect{rule: noRule, conditional: -1})
	return &b.effects[len(b.effects)-1]
}

func (b *agentBuilder) condition(tokens []string) (f features, err error) {
	for _, t := range tokens {
		if _, _, err := parseToken(t); err != nil {
			return f, err
		}
		i, ok := b.features[t]
		if !ok {
			if b.next == maxFeatures {
				return f, fmt.Errorf("the rules have more than %d different conditions", maxFeatures)
			}
			i, b.next = b.next, b.next+1
			b.features[t] = i
			b.token(t).features.set(i)
		}
		f.set(i)
	}
	return f, nil
}

// parse checks the rule's words and sets the agent by them.
func (r *AgentRule) parse(src *sources, a *agent) error {
	class := slices.Index(agentClassNames[:], r.Class)
	if class < 0 {
		return fmt.Errorf("class %q is none of %v", r.Class, agentClassNames)
	}
	a.class = agentClass(class)
	if r.Kind != "" {
		kind := slices.Index(botKindNames[:], r.Kind)
		if kind < 0 || a.class != classBot {
			return fmt.Errorf("kind %q is none of %v, or the class is not bot", r.Kind, botKindNames)
		}
		a.bot = botKind(kind)
	}
	switch a.class {
	case classBrowser, classBot:
		if r.App != "" || r.Channel != "" || r.Scope != "" {
			return fmt.Errorf("app, channel and scope are not for class %s", r.Class)
		}
		return nil
	}
	if !isSourceName(r.App) {
		return fmt.Errorf("app %q: lower-case letters, digits and underscores, please", r.App)
	}
	a.app = src.intern(r.App)
	var ok bool
	if a.channel, ok = schema.ChannelDarkSocial, r.Channel == ""; !ok {
		if a.channel, ok = schema.ParseChannel(r.Channel); !ok {
			return fmt.Errorf("channel %q does not exist", r.Channel)
		}
	}
	if a.scope, ok = schema.ScopeMixed, r.Scope == ""; !ok {
		if a.scope, ok = schema.ParseScope(r.Scope); !ok {
			return fmt.Errorf("scope %q does not exist", r.Scope)
		}
	}
	return nil
}

// tokenName makes a name of a token: without its marks and trailing punctuation.
func tokenName(t string) string {
	t = strings.TrimRight(strings.TrimLeft(t, "^|*"), "$|")
	return strings.Trim(t, "/ ([;:-_=")
}

func isSourceName(s string) bool {
	for _, b := range []byte(s) {
		if !isDigit(b) && b != '_' && (b < 'a' || 'z' < b) {
			return false
		}
	}
	return s != ""
}
