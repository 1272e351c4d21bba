package attribution

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A HostRule says what a referrer from a host means. The user's rules come
// before the tables.
type HostRule struct {
	// Host is a host name, which stands for its subdomains, too; "name.*" is that
	// name under any public suffix, "android-app://package" an Android app.
	Host string `yaml:"host"`
	// Channel is the channel of a visit from there, Source its source: lower-case
	// letters, digits and underscores.
	Channel string `yaml:"channel"`
	Source  string `yaml:"source"`
}

// A section is a part of the tables. It is finer than the channel, since tags
// and labels need to know webmail, shops and video sites.
type section uint8

const (
	sectionPrivate section = iota
	sectionWebmail
	sectionAI
	sectionSearch
	sectionSocial
	sectionEmail
	sectionVideo
	sectionShopping
	sectionReferral
	sectionPaid
	// sectionNone is of Android apps that pass links on without having sent them.
	sectionNone
	numSections
)

var sections = [numSections]struct {
	name    string
	channel schema.Channel
}{
	{"dark_social", schema.ChannelDarkSocial},
	{"webmail", schema.ChannelDarkSocial},
	{"ai", schema.ChannelAI},
	{"search", schema.ChannelSearch},
	{"social", schema.ChannelSocial},
	{"email", schema.ChannelEmail},
	{"video", schema.ChannelReferral},
	{"shopping", schema.ChannelReferral},
	{"referral", schema.ChannelReferral},
	{"paid", schema.ChannelPaid},
	{"none", schema.ChannelReferral},
}

// A sender is who sent a visit.
type sender struct {
	source  Source
	section section
}

func (s sender) channel() schema.Channel { return sections[s.section].channel }

// senderByChannel makes a sender of a rule's words.
func senderByChannel(src *sources, channel, source string) (sender, error) {
	i := slices.IndexFunc(sections[:sectionNone], func(s struct {
		name    string
		channel schema.Channel
	}) bool {
		return s.name == channel && s.channel.String() == channel
	})
	if i < 0 {
		return sender{}, fmt.Errorf("channel %q: expected dark_social, search, social, ai, email, paid or referral", channel)
	}
	if source == "" {
		source = schema.SourceOther
	}
	if !isSourceName(source) {
		return sender{}, fmt.Errorf("source %q: expected lower-case letters, digits and underscores", source)
	}
	return sender{src.intern(source), section(i)}, nil
}

// senderTable says who owns hosts and Android packages, and what tags call them.
type senderTable struct {
	own, builtin hostTable
	// labels are first labels of hosts that the tables do not know otherwise.
	labels   map[string]sender
	packages map[string]sender
	names    map[string]sender
}

// A hostTable finds hosts: exact ones, and those under any public suffix.
type hostTable struct {
	exact, anySuffix map[string]sender
}

// senderFile is the form of the tables: sections, sources, what they own.
type senderFile map[string]map[string]struct {
	Hosts   []string `yaml:"hosts"`
	Names   []string `yaml:"names"`
	Labels  []string `yaml:"labels"`
	Unnamed bool     `yaml:"unnamed"`
}

// packageFile is the form of the table of Android packages: by section and
// source, those of sectionNone without a source.
type packageFile map[string]map[string][]string

var (
	senderFiles = []dataFile[senderFile]{
		newDataFile[senderFile]("referrers_private"),
		newDataFile[senderFile]("referrers"),
		newDataFile[senderFile]("referrers_other"),
	}
	androidFile = newDataFile[packageFile]("android_apps")
)

func newSenderTable(src *sources, extra []HostRule) (*senderTable, error) {
	t := &senderTable{
		own:      newHostTable(),
		builtin:  newHostTable(),
		labels:   map[string]sender{},
		packages: map[string]sender{},
		names:    map[string]sender{},
	}
	for _, f := range senderFiles {
		if err := t.addHosts(src, f); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if err := t.addPackages(src, androidFile); err != nil {
		return nil, fmt.Errorf("%s: %w", androidFile.name, err)
	}
	for _, rule := range extra {
		s, err := senderByChannel(src, rule.Channel, rule.Source)
		if err != nil {
			return nil, fmt.Errorf("host rule %q: %w", rule.Host, err)
		}
		if p, ok := strings.CutPrefix(rule.Host, "android-app://"); ok && p != "" {
			t.packages[strings.TrimSuffix(p, "/")] = s
		} else if err := t.own.add(rule.Host, s); err != nil {
			return nil, fmt.Errorf("host rule %q: %w", rule.Host, err)
		}
	}
	return t, nil
}

func (t *senderTable) addHosts(src *sources, f dataFile[senderFile]) error {
	file, err := f.decoded()
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		section, err := parseSection(key)
		if err != nil {
			return err
		}
		for _, source := range slices.Sorted(maps.Keys(file[key])) {
			e := file[key][source]
			if !isSourceName(source) {
				return fmt.Errorf("%q is no source's name", source)
			}
			s := sender{src.intern(source), section}
			for _, h := range e.Hosts {
				if err := t.builtin.add(h, s); err != nil {
					return fmt.Errorf("%s, %s: %w", key, source, err)
				}
			}
			names := e.Names
			if !e.Unnamed {
				names = append(slices.Clip(names), source)
			}
			for _, list := range []struct {
				table map[string]sender
				words []string
			}{{t.names, names}, {t.labels, e.Labels}} {
				for _, w := range list.words {
					if old, ok := list.table[w]; ok && old != s {
						return fmt.Errorf("%s, %s: %q is another's already", key, source, w)
					}
					list.table[w] = s
				}
			}
		}
	}
	return nil
}

func (t *senderTable) addPackages(src *sources, f dataFile[packageFile]) error {
	file, err := f.decoded()
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		section, err := parseSection(key)
		if err != nil {
			return err
		}
		bySource := file[key]
		for _, source := range slices.Sorted(maps.Keys(bySource)) {
			for _, p := range bySource[source] {
				if _, ok := t.packages[p]; ok {
					return fmt.Errorf("%s is there twice", p)
				}
				t.packages[p] = sender{src.intern(source), section}
			}
		}
	}
	return nil
}

func parseSection(name string) (section, error) {
	for i, s := range sections {
		if s.name == name {
			return section(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no section", name)
}

func newHostTable() hostTable {
	return hostTable{exact: map[string]sender{}, anySuffix: map[string]sender{}}
}

func (t *hostTable) add(pattern string, s sender) error {
	table := t.exact
	name, wild := strings.CutSuffix(pattern, ".*")
	if wild {
		table = t.anySuffix
	}
	if n, ok := appendHost(nil, []byte(name)); !ok || string(n) != name {
		return fmt.Errorf("%q is not a host name in lower case", pattern)
	}
	if old, ok := table[name]; ok && old != s {
		return fmt.Errorf("host %s is another's already", pattern)
	}
	table[name] = s
	return nil
}

// find returns the sender of the longest part of the name that the table has,
// and whether that is all of the name.
func (t *hostTable) find(name, suffix []byte) (s sender, whole, ok bool) {
	stem := len(name) - len(suffix) - 1 // where the public suffix's dot is
	for i := 0; ; {
		if s, ok = t.exact[string(name[i:])]; ok {
			return s, i == 0, true
		}
		if len(suffix) > 0 && i < stem {
			if s, ok = t.anySuffix[string(name[i:stem])]; ok {
				return s, i == 0, true
			}
		}
		dot := bytes.IndexByte(name[i:], '.')
		if dot < 0 {
			return sender{}, false, false
		}
		i += dot + 1
	}
}

// find returns the sender of a host.
func (t *senderTable) find(name, suffix []byte) (sender, bool) {
	if s, _, ok := t.own.find(name, suffix); ok {
		return s, true
	}
	s, whole, ok := t.builtin.find(name, suffix)
	if ok && (whole || s.section != sectionSearch) {
		return s, true
	}
	// Portals have a search engine and webmail: mail.portal.example is the latter.
	first, rest, _ := bytes.Cut(name, []byte("."))
	if bytes.IndexByte(rest, '.') >= 0 {
		if l, found := t.labels[string(bytes.TrimRight(first, "0123456789"))]; found {
			return l, true
		}
	}
	return s, ok
}

// android returns the sender of an Android package.
func (t *senderTable) android(pkg []byte) (sender, bool) {
	for {
		if s, ok := t.packages[string(pkg)]; ok {
			return s, true
		}
		dot := bytes.LastIndexByte(pkg, '.')
		if dot < 0 {
			return sender{}, false
		}
		pkg = pkg[:dot]
	}
}
