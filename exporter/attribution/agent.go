package attribution

import (
	"bytes"
	"math/bits"

	"github.com/darkshare/darkshare/exporter/schema"
)

// An agentClass is what kind of program a user agent names.
type agentClass uint8

// The classes. classBrowser includes whatever a person holds that is no app we
// know: generic WebViews, televisions, consoles.
const (
	classBrowser agentClass = iota
	classInApp
	classPreview
	classMail
	classBot
	numAgentClasses
)

var agentClassNames = [numAgentClasses]string{"browser", "inapp", "preview", "mail", "bot"}

func (c agentClass) String() string { return agentClassNames[c] }

// A botKind is what a bot is for, as explain says it.
type botKind uint8

// The kinds of bots; botOther is a program that nothing is known of but that it
// is no browser.
const (
	botOther botKind = iota
	botCrawler
	botAI
	botLibrary
	botMonitor
	botScanner
	botFeed
	numBotKinds
)

var botKindNames = [numBotKinds]string{"other", "crawler", "ai", "library", "monitor", "scanner", "feed"}

func (k botKind) String() string { return botKindNames[k] }

// traits is what a verdict needs of the program that a user agent names.
type traits struct {
	// app is the source of a visit by an in-app browser or mail client and of a
	// link preview, channel that of a visit.
	app     Source
	class   agentClass
	channel schema.Channel
	scope   schema.Scope
	device  schema.Device
}

// An agent is what a user agent says of the program that sent it.
type agent struct {
	traits
	// name is the program's, or what gave it away: "Googlebot", "a web address".
	name string
	bot  botKind
}

// maxAgent is how much of a user agent is looked at. The longest of honest
// ones, in-app browsers that list their screen and carrier, stay below.
const maxAgent = 1024

// classify says what a user agent is. It allocates nothing and may be called by
// many at once.
func (t *agentTable) classify(ua []byte) agent {
	s := bytes.TrimSpace(ua[:min(len(ua), maxAgent)])
	var a agent
	if len(s) == 0 || len(s) == 1 && s[0] == '-' {
		a = agent{traits: traits{class: classBot}, name: "no user agent"}
	} else {
		found, rule := t.scan(s)
		a = rule.agent
		a.device = found.device()
		if rule.engine {
			if why := oddShape(s, found, a.device); why != "" {
				a.class, a.bot, a.name = classBot, botOther, why
			}
		}
	}
	return a
}

// scan finds the first rule of the table that applies.
func (t *agentTable) scan(s []byte) (found features, first *agentRule) {
	var (
		waiting [maxConditional / 64]uint64
		best    = len(t.rules) - 1 // the last rule asks for nothing
		m       = t.matcher
		state   uint16
	)
	for i, b := range s {
		state = m.step(state, b)
		if state < m.accept {
			continue
		}
		for _, h := range m.at(state) {
			if !h.allows(s, i+1) {
				continue
			}
			e := &t.effects[h.token]
			found.add(e.features)
			if e.rule < best {
				best = e.rule
			}
			if e.conditional >= 0 {
				waiting[e.conditional/64] |= 1 << (e.conditional % 64)
			}
		}
	}
	// The rules with conditions wait until all that the string holds is known.
	for w, set := range waiting {
		for ; set != 0; set &= set - 1 {
			r := t.conditional[w*64+bits.TrailingZeros64(set)]
			if r >= best {
				break
			}
			if t.rules[r].holds(found) {
				return found, &t.rules[r]
			}
		}
	}
	return found, &t.rules[best]
}

// The features that devices are told by come first; see devices.
const (
	featureTV = iota
	featureWindows
	featureTablet
	featureMobile
	featureAndroid
	featureDesktop
	featureMacintosh
	numDeviceFeatures
)

// features is the set of what a user agent contains, of all that a condition asks for.
type features [maxFeatures / 64]uint64

const maxFeatures = 192

func (f *features) set(i int) { f[i/64] |= 1 << (i % 64) }

func (f *features) add(g features) {
	for i := range f {
		f[i] |= g[i]
	}
}

func (f features) has(i int) bool { return f[i/64]&(1<<(i%64)) != 0 }

// device tells the machine. Windows says "Tablet PC" of desktops, televisions
// run Android and X11, an iPad that asks for desktop sites is a Macintosh with
// Mobile/, and Android says Mobile on phones only
// (https://developer.chrome.com/docs/multidevice/user-agent).
func (f features) device() schema.Device {
	switch {
	case f.has(featureTV):
		return schema.DeviceOther
	case f.has(featureWindows):
		return schema.DeviceDesktop
	case f.has(featureTablet), f.has(featureMacintosh) && f.has(featureMobile):
		return schema.DeviceTablet
	case f.has(featureMobile):
		return schema.DeviceMobile
	case f.has(featureAndroid):
		return schema.DeviceTablet
	case f.has(featureDesktop), f.has(featureMacintosh):
		return schema.DeviceDesktop
	}
	return schema.DeviceOther
}

// oddShape says what is not a browser's about an agent with a browser's engine,
// or nothing.
func oddShape(s []byte, found features, device schema.Device) string {
	if hasMailAddress(s) {
		return "a mail address"
	}
	if device != schema.DeviceDesktop {
		// Apps write what they like around a phone's agent.
		return ""
	}
	if bytes.LastIndex(s, []byte("Mozilla")) > 0 {
		return "words before Mozilla"
	}
	// Browsers add themselves as name/version. A bare word at the end is how
	// testing and auditing tools sign a browser that they steer.
	word := bytes.TrimRight(s[bytes.LastIndexByte(s, ' ')+1:], ";.")
	if len(word) < 3 || !isLetter(word[0]) || bytes.EqualFold(word, []byte("gecko")) ||
		bytes.EqualFold(word, []byte("safari")) || bytes.EqualFold(word, []byte("mobile")) {
		return ""
	}
	for _, b := range word {
		if !isLetter(b) && !isDigit(b) && b != '-' && b != '.' && b != '_' {
			return ""
		}
	}
	return "a bare word after the browser"
}

// hasMailAddress reports whether there is a mail address in s: an @ between
// letters or digits, and a letter after. (Ecosia writes "ios@4.1".)
func hasMailAddress(s []byte) bool {
	for {
		i := bytes.IndexByte(s, '@')
		if i < 0 {
			return false
		}
		if i > 0 && i+1 < len(s) && (isLetter(s[i-1]) || isDigit(s[i-1])) && isLetter(s[i+1]) {
			for _, b := range s[i+2:] {
				if b == '.' {
					return true
				}
				if !isLetter(b) && !isDigit(b) && b != '-' {
					break
				}
			}
		}
		s = s[i+1:]
	}
}
