package overview

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"

	"github.com/darkshare/darkshare/exporter/schema"
)

//go:embed en.yaml fr.yaml apps.yaml colours.yaml page.html page.css
var files embed.FS

// A lang is one language of the page.
type lang struct {
	// Code is the language's tag, as in the lang attribute.
	Code  string
	texts map[string]string
}

// All tables are read when somebody first asks for the page: most runs of the program
// show none.
var (
	// languages are what the page is written in; the first is for whoever reads none.
	languages = sync.OnceValue(func() []*lang { return []*lang{newLang("en"), newLang("fr")} })
	matched   = sync.OnceValue(func() language.Matcher {
		return language.NewMatcher([]language.Tag{language.English, language.French})
	})
	appNames = sync.OnceValue(func() map[string]string { return decoded("apps.yaml") })
)

func newLang(code string) *lang { return &lang{code, decoded(code + ".yaml")} }

// decoded reads an embedded table. It panics on a mistake, which is a mistake in
// the program.
func decoded(name string) (table map[string]string) {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&table); err != nil {
		panic(fmt.Errorf("%s: %w", name, err))
	}
	return table
}

// languageOf returns the language of that code, else the one that an
// Accept-Language header likes best.
func languageOf(code, accept string) *lang {
	for _, l := range languages() {
		if l.Code == code {
			return l
		}
	}
	// A header that cannot be read likes nothing.
	tags, _, _ := language.ParseAcceptLanguage(accept)
	_, i, _ := matched().Match(tags...)
	return languages()[i]
}

// T returns a text with its arguments put in. It panics where there is no such text.
func (l *lang) T(key string, args ...any) string {
	text, ok := l.texts[key]
	if !ok {
		panic(fmt.Sprintf("overview: no text %q in %s", key, l.Code))
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Rich is T with what stands between backticks set as code.
func (l *lang) Rich(key string, args ...any) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(l.T(key, args...), "`") {
		if i > 0 {
			b.WriteString([...]string{"</code>", "<code>"}[i%2])
		}
		b.WriteString(template.HTMLEscapeString(part))
	}
	return template.HTML(b.String())
}

// Count writes a number without decimals, its thousands set apart.
func (l *lang) Count(n float64) string {
	digits := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(l.texts["thousands"])
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Percent writes a share in whole percent.
func (l *lang) Percent(share float64) string {
	percent := math.Round(100 * share)
	if share > 0 && percent == 0 {
		return l.T("percent_under")
	}
	return l.T("percent", l.Count(percent))
}

// Visits writes a number of visits, with the noun.
func (l *lang) Visits(n float64) string {
	n = math.Round(n)
	// French has the singular for zero, too.
	if n == 1 || n == 0 && l.Code == "fr" {
		return l.T("visits_one", l.Count(n))
	}
	return l.T("visits_other", l.Count(n))
}

// Time writes a time by the layout of that name.
func (l *lang) Time(layout string, t time.Time) string {
	return strings.NewReplacer(
		t.Format("Mon"), strings.Fields(l.texts["weekdays"])[t.Weekday()],
		t.Format("Jan"), strings.Fields(l.texts["months"])[t.Month()-1],
	).Replace(t.Format(l.T("layout_" + layout)))
}

// App writes the name of an app or sender.
func (l *lang) App(label string) string {
	if text, ok := l.texts["app_"+label]; ok {
		return text
	}
	if name, ok := appNames()[label]; ok {
		return name
	}
	words := strings.ReplaceAll(label, "_", " ")
	if words != "" && words[0] >= 'a' && words[0] <= 'z' {
		words = string(words[0]-'a'+'A') + words[1:]
	}
	return words
}

// Site writes the name of a site.
func (l *lang) Site(name string) string {
	if name == schema.Overflow {
		return l.T("site_overflow")
	}
	return name
}
