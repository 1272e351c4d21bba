package question

import (
	"embed"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/exporter/schema"
)

// What the editor and the overview page go by, too. Go embeds no files from elsewhere,
// so these are copies, which a test holds to be the same.
//
//go:generate cp ../../src/questions.json ../../../exporter/overview/colours.yaml ../../../exporter/overview/apps.yaml tables
//go:embed tables
var tables embed.FS

// table says what goes with what.
var table = func() (t struct {
	DefaultLimit, MaxLimit int
	Questions              map[string]rules
}) {
	must(json.Unmarshal(read("questions.json"), &t))
	return t
}()

// rules say what a question takes: see the comment in questions.json.
type rules struct {
	Of, By, As, Over []string
	AsNeedsBy        []string
	Filters          []string
	Together         [][]string
}

// colours are those of the channels, the same wherever channels are drawn.
var colours = func() (c map[string]string) {
	must(yaml.Unmarshal(read("colours.yaml"), &c))
	return c
}()

// apps are what apps and senders are called.
var apps = func() (names map[string]string) {
	must(yaml.Unmarshal(read("apps.yaml"), &names))
	return names
}()

func read(name string) []byte {
	b, err := tables.ReadFile("tables/" + name)
	must(err)
	return b
}

// must is for what is built in: an error is a mistake in the table, and every test fails.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// questionNames are in the order of the alphabet.
func questionNames() []string { return slices.Sorted(maps.Keys(table.Questions)) }

// words are what label values are called, for people, as on the overview page.
var words = map[string]map[string]string{
	"channel": {
		"dark_social": "Private sharing", "direct": "Typed or bookmarked", "search": "Search",
		"social": "Public social networks", "ai": "AI assistants", "email": "Newsletters", "paid": "Ads",
		"referral": "Other sites", "unknown": "Nobody can tell", "rest": "Everything else",
	},
	"evidence": {
		"tag": "Tag in the link", "app": "In-app browser", "referrer": "Referrer", "link": "Link on a page that hides itself",
		"deep_link": "On a page that nobody types", "entry_page": "On an entry page", "suppressed": "Browser hides every sender",
	},
	"device": {"desktop": "Desktop", "mobile": "Mobile", "tablet": "Tablet", "other": "Other devices"},
	"scope":  {"private": "private", "public": "public", "mixed": "private or public"},
	"source": {
		"copy": "A “copy link” button", "dm": "Direct message", "sms": "Text message", "webmail": "Other webmail",
		"other": "Not known", "free": "Free (e-mail)", "newsletter": "Newsletter",
	},
}

// Named returns what a label's value is called: WhatsApp for whatsapp.
func Named(label, value string) string {
	if value == schema.Overflow {
		return "All others"
	}
	if label == "app" {
		label = "source"
	}
	if name, ok := words[label][value]; ok {
		return name
	}
	if label != "source" || value == "" {
		return value
	}
	if name, ok := apps[value]; ok {
		return name
	}
	name := strings.ReplaceAll(value, "_", " ")
	if c := name[0]; 'a' <= c && c <= 'z' {
		name = string(c-'a'+'A') + name[1:]
	}
	return name
}
