package demo

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/simulate"
)

//go:embed story.yaml
var storyYAML []byte

// Text is a text in the demo's languages.
type Text struct {
	En string `yaml:"en"`
	Fr string `yaml:"fr"`
}

// In returns the text in French for "fr", else in English.
func (t Text) In(language string) string {
	if language == "fr" {
		return t.Fr
	}
	return t.En
}

// A Chapter is something that happens in the story.
type Chapter struct {
	// Site is the name of the site, empty where it happens to all.
	Site string
	// Start and End are when it happens.
	Start, End time.Time
	// Page is the path of the page that goes round, if one does.
	Page string
	// Title is a few words, Text a sentence or two.
	Title, Text Text

	scene *scene
}

var (
	frenchDays   = [...]string{"dim.", "lun.", "mar.", "mer.", "jeu.", "ven.", "sam."}
	frenchMonths = [...]string{"janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."}
)

// Line returns the chapter as a line for people, in English or for "fr" in French:
// "Tue 4 Nov: The newsletter loses its tags. For two days …".
func (c Chapter) Line(language string) string {
	day, colon := c.Start.Format("Mon 2 Jan"), ":"
	if language == "fr" {
		day = fmt.Sprintf("%s %d %s", frenchDays[c.Start.Weekday()], c.Start.Day(), frenchMonths[c.Start.Month()-1])
		colon = " :"
	}
	return day + colon + " " + c.Title.In(language) + ". " + c.Text.In(language)
}

// event returns the chapter for a run that starts at from.
func (c Chapter) event(from time.Time) simulate.Event {
	s := c.scene
	return simulate.Event{
		Kind: kinds[s.Kind], After: c.Start.Sub(from), Duration: s.Lasts, Visits: s.Visits, Left: s.Left,
		// What people do they do by day.
		Daily: s.Kind == viral, Sender: s.Sender, Page: c.Page,
	}
}

const viral = "viral"

var kinds = map[string]simulate.EventKind{
	viral: simulate.Viral, "untagged": simulate.Untagged, "bot_wave": simulate.BotWave, "quiet": simulate.Quiet,
}

// scene is a chapter as story.yaml has it.
type scene struct {
	Kind   string        `yaml:"kind"`
	Site   string        `yaml:"site"`
	Day    int           `yaml:"day"`
	Hour   int           `yaml:"hour"`
	Live   time.Duration `yaml:"live"`
	Lasts  time.Duration `yaml:"lasts"`
	Visits float64       `yaml:"visits"`
	Left   float64       `yaml:"left"`
	Sender string        `yaml:"sender"`
	Title  Text          `yaml:"title"`
	Text   Text          `yaml:"text"`
}

func readScript() ([]scene, error) {
	var all []scene
	in := yaml.NewDecoder(strings.NewReader(string(storyYAML)))
	in.KnownFields(true)
	if err := in.Decode(&all); err != nil {
		return nil, err
	}
	for _, s := range all {
		if _, ok := kinds[s.Kind]; !ok {
			return nil, fmt.Errorf("unknown kind %q", s.Kind)
		}
	}
	return all, nil
}

// Story returns the chapters that begin at that time or later, in the order of time.
// The last one begins soon after [Demo.End], or after from if that is later.
func (d *Demo) Story(from time.Time) []Chapter {
	present := d.End
	if from.After(present) {
		present = from.In(present.Location())
	}
	tuesday := d.tuesday()
	var all []Chapter
	for i := range d.script {
		s := &d.script[i]
		start := present.Add(s.Live)
		if s.Live == 0 {
			start = tuesday.AddDate(0, 0, s.Day).Add(time.Duration(s.Hour) * time.Hour)
		}
		if start.Before(from) {
			continue
		}
		c := Chapter{Site: s.Site, Start: start, End: start.Add(s.Lasts), Title: s.Title, Text: s.Text, scene: s}
		if s.Kind == viral {
			c.Page = d.site(d.named(s.Site)).Article(start)
			c.Text = Text{strings.ReplaceAll(c.Text.En, "{page}", c.Page), strings.ReplaceAll(c.Text.Fr, "{page}", c.Page)}
		}
		all = append(all, c)
	}
	return all
}

// named returns the place of the site of that name.
func (d *Demo) named(name string) int {
	return slices.IndexFunc(d.Sites, func(s config.Site) bool { return s.Name == name })
}

// tuesday returns the beginning of the day that the script counts from.
func (d *Demo) tuesday() time.Time {
	year, month, day := d.Start.Date()
	at := time.Date(year, month, day+6, 0, 0, 0, 0, d.Start.Location())
	for at.Weekday() != time.Tuesday {
		at = at.AddDate(0, 0, 1)
	}
	return at
}
