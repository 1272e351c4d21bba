package question

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/exporter/schema"
)

// Answers are put together in English, and translated as a whole when they are done: so
// there is one place that knows of languages, and no question does.

// A translation says in a language what answers say in English.
type translation struct {
	exact        map[string]string
	phrases      []phrase
	days, months map[string]string
	numbers      *strings.Replacer
}

// A phrase is a text with places for others.
type phrase struct {
	from   *regexp.Regexp
	to     string
	places []string // the names in from, in their order
}

// translations are by the language's ISO 639 code. English is none.
var translations = map[string]*translation{"fr": readTranslation("fr.yaml")}

var (
	placeName = regexp.MustCompile(`\{(\w+)\}`)
	clockText = regexp.MustCompile(`^(\w+) (\d+) (\w+) (\d\d:\d\d)$`)
)

// What a place may hold; any other holds a text.
var placeHolds = map[string]string{
	"n":    `(-?\d[\d,.]*)`,
	"when": `(\w+ \d+ \w+ \d\d:\d\d)`,
}

func readTranslation(name string) *translation {
	var file struct{ Days, Months, Numbers, Phrases map[string]string }
	must(yaml.Unmarshal(read(name), &file))
	t := &translation{exact: file.Phrases, days: file.Days, months: file.Months}
	var marks []string
	for from, to := range file.Numbers {
		marks = append(marks, from, to)
	}
	t.numbers = strings.NewReplacer(marks...)
	longestFirst := slices.SortedFunc(maps.Keys(file.Phrases), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	for _, from := range longestFirst {
		if !strings.Contains(from, "{") {
			continue
		}
		p := phrase{to: file.Phrases[from]}
		var pattern strings.Builder
		rest := from
		for rest != "" {
			at := placeName.FindStringSubmatchIndex(rest)
			if at == nil {
				break
			}
			name := rest[at[2]:at[3]]
			p.places = append(p.places, name)
			pattern.WriteString(regexp.QuoteMeta(rest[:at[0]]))
			pattern.WriteString(cmp.Or(placeHolds[name], "(.*)"))
			rest = rest[at[1]:]
		}
		p.from = regexp.MustCompile("^" + pattern.String() + regexp.QuoteMeta(rest) + "$")
		t.phrases = append(t.phrases, p)
	}
	return t
}

// say translates a text; what has no translation stays.
func (t *translation) say(text string) string {
	if to, ok := t.exact[text]; ok {
		return to
	}
	for _, p := range t.phrases {
		if found := p.from.FindStringSubmatch(text); found != nil {
			return t.fill(p, found[1:])
		}
	}
	return text
}

// fill puts the texts that were found into a phrase's places.
func (t *translation) fill(p phrase, found []string) string {
	byName := map[string][]string{}
	for i, name := range p.places {
		byName[name] = append(byName[name], found[i])
	}
	return placeName.ReplaceAllStringFunc(p.to, func(place string) string {
		name := strings.Trim(place, "{}")
		text := byName[name][0]
		byName[name] = byName[name][1:]
		switch name {
		case "n":
			return t.numbers.Replace(text)
		case "when":
			m := clockText.FindStringSubmatch(text)
			return t.days[m[1]] + " " + m[2] + " " + t.months[m[3]] + " " + m[4]
		}
		return t.say(text)
	})
}

// ownNames are labels whose values are names that someone gave, in any language.
var ownNames = []string{schema.LabelSite, schema.LabelSection, schema.LabelPage, schema.LabelGoal}

// translate puts the answer into the language that the model asks for. The names of
// fields stay, so that a panel's overrides and transformations are the same in all
// languages; what is shown of them changes.
func translate(frames data.Frames, language string) {
	t := translations[language]
	if t == nil {
		return
	}
	for _, f := range frames {
		f.Name = t.say(f.Name)
		if f.Meta != nil {
			for i := range f.Meta.Notices {
				f.Meta.Notices[i].Text = t.say(f.Meta.Notices[i].Text)
			}
		}
		for _, field := range f.Fields {
			t.field(field)
		}
	}
}

func (t *translation) field(f *data.Field) {
	if f.Config == nil {
		f.Config = &data.FieldConfig{}
	}
	c := f.Config
	isName := func(label string) bool { return headOf(label) == f.Name || f.Labels[label] != "" }
	given := slices.ContainsFunc(ownNames, isName)
	switch _, known := t.exact[f.Name]; {
	case len(f.Labels) > 0 && given:
		c.DisplayNameFromDS = t.rest(c.DisplayNameFromDS)
	case c.DisplayNameFromDS != "":
		c.DisplayNameFromDS = t.say(c.DisplayNameFromDS)
	case known:
		c.DisplayNameFromDS = t.say(f.Name)
	}
	c.Description = t.say(c.Description)
	if below, ok := c.Custom["fillBelowTo"].(string); ok {
		c.Custom["fillBelowTo"] = t.say(below)
	}
	if f.Type() != data.FieldTypeString || f.Name == "tags" {
		return
	}
	values := make([]string, f.Len())
	for i := range values {
		text := f.At(i).(string)
		if given {
			text = t.rest(text)
		} else {
			text = t.say(text)
		}
		values[i] = text
		f.Set(i, text)
	}
	custom("width", textWidth(cmp.Or(c.DisplayNameFromDS, f.Name), values))(c)
}

// rest translates what stands for all other names, and leaves names alone.
func (t *translation) rest(text string) string {
	if text == Named("", schema.Overflow) {
		return t.say(text)
	}
	return text
}
