package question

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

func TestFrench(t *testing.T) {
	fr := translations["fr"]
	for _, c := range [][2]string{
		{"Dark share", "Part privée"},
		{"WhatsApp", "WhatsApp"},
		{"Dark share up to 37 %", "Part privée en hausse à 37 %"},
		{"The dark share of courier.example rose to 37 % (usually 21 %) from Wed 11 Nov 17:00 to Thu 12 Nov 22:00: 1,234 more private visits than usual, mostly WhatsApp.",
			"La part privée de courier.example est montée à 37 % (d’ordinaire 21 %) du mer. 11 nov. 17:00 au jeu. 12 nov. 22:00 : 1\u202f234 visites privées de plus que d’ordinaire, surtout WhatsApp."},
		{"The dark share of a.example on Mobile fell to 9 % (usually 21 %) since Sun 1 Feb 07:00: 12 more other visits than usual.",
			"La part privée de a.example, appareil Mobile, est tombée à 9 % (d’ordinaire 21 %) depuis le dim. 1 févr. 07:00 : 12 autres visites de plus que d’ordinaire."},
		{"These visits convert better than the rest: 1.4 times as often (1.0 to 1.8).", "Ces visites convertissent mieux que les autres : 1,4 fois plus souvent (1,0 à 1,8)."},
		{"Too few to tell: 2 of 10,795 visits converted.", "Trop peu pour le dire : 2 visites converties sur 10\u202f795."},
	} {
		if got := fr.say(c[0]); got != c[1] {
			t.Errorf("%q: %q, want %q", c[0], got, c[1])
		}
	}
}

// TestTranslate is what changes in a frame and what stays: the names of fields, by which
// panels know them, and the names that people gave.
func TestTranslate(t *testing.T) {
	section := texts("Section", []string{"Search", "All others"})
	device := texts("Device", []string{"Mobile", "Desktop"})
	share := numbers(nameShare, nil, []float64{1, 2}, described("Visits whose request shows that they are private."), edge(nameKnown))
	split := numbers(nameShare, data.Labels{"site": "Search"}, []float64{1, 2}, called("Search"))
	channel := numbers(nameVisits, data.Labels{"channel": "search"}, []float64{1, 2}, called("Search"))
	frame := rowsOf(nameShare, section, device, share, split, channel)
	frame.AppendNotices(info("There were no visits in this time range, or none that the filters let through."))
	translate(data.Frames{frame}, "fr")

	for _, c := range []struct{ what, got, want string }{
		{"the frame", frame.Name, "Part privée"},
		{"a field's name", share.Name, nameShare},
		{"what is shown of it", share.Config.DisplayNameFromDS, "Part privée"},
		{"what it means", share.Config.Description, "Les visites dont la requête montre qu’elles sont privées."},
		{"a band's edge", share.Config.Custom["fillBelowTo"].(string), "Connu"},
		{"a column's head", section.Config.DisplayNameFromDS, "Rubrique"},
		{"a section", section.At(0).(string), "Search"},
		{"the other sections", section.At(1).(string), "Tout le reste"},
		{"a device", device.At(1).(string), "Ordinateur"},
		{"a site's line", split.Config.DisplayNameFromDS, "Search"},
		{"a channel's line", channel.Config.DisplayNameFromDS, "Moteurs de recherche"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	if text := frame.Meta.Notices[0].Text; !strings.HasPrefix(text, "Aucune visite") {
		t.Errorf("a notice: %q", text)
	}

	english := rowsOf(nameShare, texts("Device", []string{"Desktop"}))
	translate(data.Frames{english}, "en")
	if got := english.Fields[0].At(0); got != "Desktop" || english.Name != nameShare {
		t.Errorf("English: %q, %q", english.Name, got)
	}
}

// TestAllIsTranslated takes the texts of every golden answer of package datasource: what
// people read has a translation.
func TestAllIsTranslated(t *testing.T) {
	files, err := filepath.Glob("../datasource/testdata/*.jsonc")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d golden answers: %v", len(files), err)
	}
	fr := translations["fr"]
	check := func(file, text string) {
		if _, ok := fr.exact[text]; text != "" && !ok && fr.say(text) == text {
			t.Errorf("%s: no French for %q", filepath.Base(file), text)
		}
	}
	named := append([]string{"site", "source", "app"}, ownNames...)
	for _, file := range files {
		if strings.HasSuffix(file, "_in_French.jsonc") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Frames []struct {
				Schema struct {
					Name string
					Meta struct{ Notices []struct{ Text string } }

					Fields []struct {
						Name, Type string
						Labels     map[string]string
						Config     struct{ DisplayNameFromDS, Description string }
					}
				}
				Data struct{ Values [][]any }
			}
		}
		_, text, _ := strings.Cut(string(b), "\n{")
		if err := json.Unmarshal([]byte("{"+text), &answer); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, f := range answer.Frames {
			for _, n := range f.Schema.Meta.Notices {
				check(file, n.Text)
			}
			for i, field := range f.Schema.Fields {
				isName := func(label string) bool { return headOf(label) == field.Name || field.Labels[label] != "" }
				check(file, field.Config.Description)
				if slices.ContainsFunc(named, isName) || field.Name == "tags" || field.Name == "goal" {
					continue
				}
				check(file, field.Config.DisplayNameFromDS)
				if field.Type != "string" || slices.Contains(filterLabels, field.Name) || field.Name == "app" || field.Name == "visits" {
					continue
				}
				for _, v := range f.Data.Values[i] {
					check(file, v.(string))
				}
			}
		}
	}
}

// TestPlaces: a translation has no place that its English has not, or it could not be filled.
func TestPlaces(t *testing.T) {
	for language, all := range translations {
		for _, p := range all.phrases {
			left := map[string]int{}
			for _, name := range p.places {
				left["{"+name+"}"]++
			}
			for _, place := range placeName.FindAllString(p.to, -1) {
				if left[place]--; left[place] < 0 {
					t.Errorf("%s: %q has a place %s too many", language, p.to, place)
				}
			}
		}
	}
}
