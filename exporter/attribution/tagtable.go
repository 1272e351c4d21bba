package attribution

import (
	"fmt"
	"strings"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A TagRule says what a parameter of a landing's URL means. The user's rules
// come before the tables.
type TagRule struct {
	Parameter string `yaml:"parameter"`
	// Value is the value to look for, whatever its case; it may end in "*". None
	// means any.
	Value string `yaml:"value"`
	// Channel and Source are those of the visit.
	Channel string `yaml:"channel"`
	Source  string `yaml:"source"`
}

// A tagWeight orders what parameters say; the first one that is there decides.
type tagWeight uint8

const (
	tagUser tagWeight = iota
	tagShare
	// tagShareName and tagShareKnown are share parameters whose value names the app:
	// the user's own, which counts whatever it says, and those of others, which
	// count for the names that the tables know.
	tagShareName
	tagShareKnown
	tagPaid
	tagEmail
	// The three that hold a campaign's words.
	tagSource
	tagMedium
	tagCampaign
	tagWeak
	tagNone
)

// A tag is what one value of a parameter means.
type tag struct {
	weight tagWeight
	sender sender
	// value is in lower case; prefix means that more may follow.
	value  string
	prefix bool
}

// tagTable says what parameters mean.
type tagTable struct {
	params  map[string][]tag
	longest int // of the parameters' names
	mediums map[string]section
	senders *senderTable
	// generic are senders that name a way of sharing rather than an app.
	generic map[Source]bool
	// newsletter is the source of e-mail that does not say which.
	newsletter Source
}

var tagsFile = newDataFile[tagFile]("tags")

// tagFile is the form of the table.
type tagFile struct {
	Share        []tagEntry          `yaml:"share"`
	ShareNames   []string            `yaml:"share_names"`
	Paid         []tagEntry          `yaml:"paid"`
	Email        []tagEntry          `yaml:"email"`
	Weak         []tagEntry          `yaml:"weak"`
	Sources      []string            `yaml:"sources"`
	Mediums      []string            `yaml:"mediums"`
	Campaigns    []string            `yaml:"campaigns"`
	MediumValues map[string][]string `yaml:"medium_values"`
}

type tagEntry struct {
	Param   string `yaml:"param"`
	Value   string `yaml:"value"`
	Channel string `yaml:"channel"`
	Source  string `yaml:"source"`
}

func newTagTable(src *sources, senders *senderTable, extra []TagRule, share string) (*tagTable, error) {
	t := &tagTable{
		params:     map[string][]tag{},
		mediums:    map[string]section{},
		senders:    senders,
		generic:    map[Source]bool{},
		newsletter: src.intern("newsletter"),
	}
	for _, name := range []string{"dm", "copy", "sms"} {
		t.generic[src.intern(name)] = true
	}
	for _, r := range extra {
		if r.Parameter == "" {
			return nil, fmt.Errorf("tag rule for value %q names no parameter", r.Value)
		}
		e := tagEntry{r.Parameter, r.Value, r.Channel, r.Source}
		if err := t.add(src, tagUser, "", e); err != nil {
			return nil, fmt.Errorf("tag rule %s=%s: %w", r.Parameter, r.Value, err)
		}
	}
	if share != "" {
		t.words(tagShareName, []string{share})
	}
	file, err := tagsFile.decoded()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tagsFile.name, err)
	}
	for _, list := range []struct {
		weight  tagWeight
		channel schema.Channel
		entries []tagEntry
	}{
		{tagShare, schema.ChannelDarkSocial, file.Share},
		{tagPaid, schema.ChannelPaid, file.Paid},
		{tagEmail, schema.ChannelEmail, file.Email},
		{tagWeak, schema.ChannelReferral, file.Weak},
	} {
		for _, e := range list.entries {
			if err := t.add(src, list.weight, list.channel.String(), e); err != nil {
				return nil, fmt.Errorf("tags.yaml: %s: %w", e.Param, err)
			}
		}
	}
	t.words(tagShareKnown, file.ShareNames)
	t.words(tagSource, file.Sources)
	t.words(tagMedium, file.Mediums)
	t.words(tagCampaign, file.Campaigns)
	for key, values := range file.MediumValues {
		section, err := parseSection(key)
		if err != nil {
			return nil, fmt.Errorf("tags.yaml: %w", err)
		}
		for _, v := range values {
			t.mediums[v] = section
		}
	}
	return t, nil
}

func (t *tagTable) add(src *sources, weight tagWeight, channel string, e tagEntry) error {
	if e.Channel != "" {
		channel = e.Channel
	}
	s, err := senderByChannel(src, channel, e.Source)
	if err != nil {
		return err
	}
	value, prefix := strings.CutSuffix(strings.ToLower(e.Value), "*")
	t.put(e.Param, tag{weight: weight, sender: s, value: value, prefix: prefix || value == ""})
	return nil
}

func (t *tagTable) words(weight tagWeight, params []string) {
	for _, p := range params {
		t.put(p, tag{weight: weight, prefix: true})
	}
}

// put adds what a parameter means. The lists come in the order of their weight,
// so a parameter's meanings are, too.
func (t *tagTable) put(param string, what tag) {
	t.params[param] = append(t.params[param], what)
	t.longest = max(t.longest, len(param))
}
