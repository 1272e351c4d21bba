package overview

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

func TestLanguageOf(t *testing.T) {
	for _, c := range []struct{ code, accept, want string }{
		{"", "", "en"},
		{"", "fr", "fr"},
		{"", "fr-CA,en;q=0.5", "fr"},
		{"", "fr-FR, fr;q=0.9, en;q=0.8", "fr"},
		{"", "en-GB,fr;q=0.9", "en"},
		{"", "en;q=0.3,fr;q=0.9", "fr"},
		{"", "de-DE,de;q=0.9", "en"},
		{"", "de,fr;q=0.2", "fr"},
		{"", "fr;q=0,en", "en"},
		{"", "*", "en"},
		{"", ";;;q=x,\x00", "en"},
		{"", strings.Repeat("fr-", 5000), "en"},
		{"fr", "en", "fr"},
		{"en", "fr", "en"},
		{"xx", "fr", "fr"},
		{"FR", "en", "en"},
	} {
		if got := languageOf(c.code, c.accept).Code; got != c.want {
			t.Errorf("lang=%q, Accept-Language: %.40q: %s, want %s", c.code, c.accept, got, c.want)
		}
	}
}

// TestTexts has all languages say the same things, with the same arguments.
func TestTexts(t *testing.T) {
	verb := regexp.MustCompile(`%(\[\d\])?.`)
	english := languages()[0]
	for _, l := range languages() {
		for key, text := range l.texts {
			want := slices.Sorted(slices.Values(verb.FindAllString(english.texts[key], -1)))
			got := slices.Sorted(slices.Values(verb.FindAllString(text, -1)))
			if !slices.Equal(slices.Compact(got), slices.Compact(want)) {
				t.Errorf("%s: %s: arguments %q, want %q", l.Code, key, got, want)
			}
			if strings.Count(text, "`")%2 != 0 || strings.TrimSpace(text) == "" && key != "thousands" {
				t.Errorf("%s: %s: %q", l.Code, key, text)
			}
		}
		if !maps.EqualFunc(l.texts, english.texts, func(string, string) bool { return true }) {
			t.Errorf("%s has other texts than %s", l.Code, english.Code)
		}
		if len(strings.Fields(l.texts["weekdays"])) != 7 || len(strings.Fields(l.texts["months"])) != 12 {
			t.Errorf("%s: weekdays or months are missing", l.Code)
		}
		for c := range schema.NumChannels {
			l.T("channel_" + c.String())
		}
		for s := range schema.NumScopes {
			l.T("scope_" + s.String())
		}
		for _, r := range ranges {
			l.T("range_" + r.name)
			l.T(chartSteps[r.step].text)
			l.Time(chartSteps[r.step].row, clock)
			l.Time(chartSteps[r.step].tick, clock)
		}
		for _, p := range directParts {
			l.T("direct_" + p.word)
		}
		for _, key := range []string{"lines", "format", "visits", "range"} {
			l.T("empty_" + key)
			l.T("empty_" + key + "_how")
		}
	}
}

// TestTextsAreUsed finds texts that nothing shows.
func TestTextsAreUsed(t *testing.T) {
	var code strings.Builder
	for _, name := range []string{"page.html", "view.go", "lists.go", "chart.go", "language.go", "store.go"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(data)
	}
	for key := range languages()[0].texts {
		stem, _, _ := strings.Cut(key, "_")
		switch stem {
		case "channel", "scope", "range", "direct", "app", "layout", "empty", "failed":
			continue // put together; see TestTexts
		}
		if !strings.Contains(code.String(), `"`+key+`"`) {
			t.Errorf("%s is not used", key)
		}
	}
}

// TestFormat writes the same values in both languages; ~ stands for a no-break
// space, ^ for a narrow one.
func TestFormat(t *testing.T) {
	at := time.Date(2026, 8, 4, 6, 5, 0, 0, time.UTC)
	march := time.Date(2027, 3, 2, 18, 0, 0, 0, time.UTC) // Tuesday: "Mar" and "mar."
	for _, c := range []struct {
		what   string
		of     func(*lang) string
		en, fr string
	}{
		{"count", func(l *lang) string { return l.Count(0) }, "0", "0"},
		{"count", func(l *lang) string { return l.Count(999.4) }, "999", "999"},
		{"count", func(l *lang) string { return l.Count(999.5) }, "1,000", "1^000"},
		{"count", func(l *lang) string { return l.Count(12345678) }, "12,345,678", "12^345^678"},
		{"percent", func(l *lang) string { return l.Percent(0) }, "0%", "0~%"},
		{"percent", func(l *lang) string { return l.Percent(0.001) }, "under 1%", "moins de 1~%"},
		{"percent", func(l *lang) string { return l.Percent(0.315) }, "32%", "32~%"},
		{"percent", func(l *lang) string { return l.Percent(1) }, "100%", "100~%"},
		{"visits", func(l *lang) string { return l.Visits(0) }, "0 visits", "0 visite"},
		{"visits", func(l *lang) string { return l.Visits(1.2) }, "1 visit", "1 visite"},
		{"visits", func(l *lang) string { return l.Visits(2000) }, "2,000 visits", "2^000 visites"},
		{"time", func(l *lang) string { return l.Time("moment", at) }, "4 Aug 2026, 06:05", "4 août 2026 à 06:05"},
		{"time", func(l *lang) string { return l.Time("day_hour", march) }, "Tue 2 Mar, 18:00", "mar. 2 mars à 18:00"},
		{"zone", func(*lang) string { return zone(at) }, "UTC", "UTC"},
		{"zone", func(*lang) string { return zone(at.In(time.FixedZone("", 5400))) }, "UTC+01:30", "UTC+01:30"},
		{"app", func(l *lang) string { return l.App("whatsapp") }, "WhatsApp", "WhatsApp"},
		{"app", func(l *lang) string { return l.App("seznam_mail") }, "Seznam mail", "Seznam mail"},
		{"app", func(l *lang) string { return l.App("sms") }, "Text message", "SMS"},
		{"app", func(l *lang) string { return l.App("") }, "", ""},
	} {
		spaces := strings.NewReplacer("~", "\u00a0", "^", "\u202f")
		for i, want := range []string{c.en, c.fr} {
			if got := c.of(languages()[i]); got != spaces.Replace(want) {
				t.Errorf("%s: %s: %q, want %q", languages()[i].Code, c.what, got, want)
			}
		}
	}
}

func TestColours(t *testing.T) {
	colours, seen := Colours(), map[string]string{}
	if len(colours) != int(schema.NumChannels) {
		t.Errorf("%d colours", len(colours))
	}
	for channel, c := range colours {
		if seen[c] != "" {
			t.Errorf("%s and %s are both %s", channel, seen[c], c)
		}
		seen[c] = channel
	}
}
