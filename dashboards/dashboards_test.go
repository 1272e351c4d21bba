// Package dashboards holds the dashboards, as Grafana reads them, and what they are
// generated from (src). There is no Go code but the tests.
package dashboards

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const pluginID = "darkshare-darksocial-datasource"

var (
	names     = []string{"overview", "pages", "sharing", "shifts", "operations"}
	languages = []string{"en", "fr"}
)

// A dashboard is what the tests look at of one.
type dashboard struct {
	UID, Title, Description, Timezone, Refresh string
	Tags                                       []string
	Time                                       struct{ From, To string }
	Panels                                     []panel
	Templating                                 struct{ List []variable }
	Annotations                                struct{ List []annotation }
	Links                                      []link
}

type panel struct {
	ID                                            int
	Type, Title, Description, Interval, TimeShift string
	GridPos                                       struct{ X, Y, W, H int }
	Datasource                                    reference
	Targets                                       []json.RawMessage
	Options                                       map[string]any
	FieldConfig                                   struct{ Defaults struct{ NoValue string } }
}

type reference struct{ Type, UID string }

type variable struct {
	Name, Type, Label string
	Query             json.RawMessage
	Datasource        reference
	AllValue          string
	IncludeAll        bool
}

type annotation struct {
	Name       string
	Datasource reference
	Target     json.RawMessage
}

type link struct {
	Title, Type, URL      string
	Tags                  []string
	KeepTime, IncludeVars bool
}

func file(name, language string) string { return fmt.Sprintf("darkshare-%s-%s.json", name, language) }

func read(t *testing.T, name, language string) (d dashboard) {
	t.Helper()
	b, err := os.ReadFile(file(name, language))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatalf("%s: %v", file(name, language), err)
	}
	return d
}

// each runs a test on every dashboard.
func each(t *testing.T, test func(t *testing.T, name, language string, d dashboard)) {
	for _, name := range names {
		for _, language := range languages {
			t.Run(name+"-"+language, func(t *testing.T) { test(t, name, language, read(t, name, language)) })
		}
	}
}

// npm runs a script of package.json, when what it takes is installed.
func npm(t *testing.T, script string) string {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("no npm here: ", err)
	}
	// The questions' types are the plugin's, and come with its packages.
	for _, dir := range []string{".", "../plugin"} {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil {
			continue
		}
		if out, err := exec.Command("npm", "--prefix", dir, "ci", "--no-audit", "--no-fund").CombinedOutput(); err != nil {
			t.Fatalf("npm ci in %s: %v\n%s", dir, err, out)
		}
	}
	out, err := exec.Command("npm", "run", "--silent", script).CombinedOutput()
	if err != nil {
		t.Fatalf("npm run %s: %v\n%s", script, err, out)
	}
	return string(out)
}

// TestGenerated compiles what the dashboards are made from, makes them, and compares. It
// holds their JSON to Grafana's schema, too.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles TypeScript")
	}
	npm(t, "check")
}

// TestFiles is that there are these dashboards, and no others.
func TestFiles(t *testing.T) {
	found, err := filepath.Glob("darkshare-*.json")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range names {
		for _, language := range languages {
			want = append(want, file(name, language))
		}
	}
	slices.Sort(want)
	if !slices.Equal(found, want) {
		t.Errorf("%v, want %v", found, want)
	}
	titles := map[string]string{}
	each(t, func(t *testing.T, name, language string, d dashboard) {
		// Grafana provisions nothing at all where two have one title.
		if other, ok := titles[d.Title]; ok {
			t.Errorf("%q is the title of %s, too", d.Title, other)
		}
		titles[d.Title] = d.UID
	})
}

// TestPlugin is that the plugin brings every dashboard along.
func TestPlugin(t *testing.T) {
	b, err := os.ReadFile("../plugin/src/plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	var plugin struct {
		Includes []struct{ Type, Name, Path string }
	}
	if err := json.Unmarshal(b, &plugin); err != nil {
		t.Fatal(err)
	}
	var found, want []string
	for _, i := range plugin.Includes {
		found = append(found, i.Type+" "+i.Name+" "+i.Path)
	}
	each(t, func(t *testing.T, name, language string, d dashboard) {
		want = append(want, "dashboard "+d.Title+" dashboards/"+file(name, language))
	})
	slices.Sort(found)
	slices.Sort(want)
	if !slices.Equal(found, want) {
		t.Errorf("includes:\n%s\nwant:\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
}

// TestShell is what is around the panels: names that stay, words, links that keep what
// the reader has chosen, and data sources that the reader chooses.
func TestShell(t *testing.T) {
	each(t, func(t *testing.T, name, language string, d dashboard) {
		if d.UID != "darkshare-"+name+"-"+language || d.Title == "" || d.Description == "" || d.Timezone != "browser" || d.Refresh == "" || d.Time.To != "now" {
			t.Errorf("uid %s, %q (%q), zone %s, every %s, %v", d.UID, d.Title, d.Description, d.Timezone, d.Refresh, d.Time)
		}
		if want := []string{"darkshare", "darkshare-" + language}; !slices.Equal(d.Tags, want) {
			t.Errorf("tags %v, want %v", d.Tags, want)
		}
		for _, l := range d.Links {
			if !l.KeepTime || !l.IncludeVars || l.Title == "" {
				t.Errorf("link %+v", l)
			}
			if uid, ok := strings.CutPrefix(l.URL, "/d/"); l.Type == "link" && (!ok || uid == d.UID || !exists(uid+".json")) {
				t.Errorf("link to %q", l.URL)
			}
		}
		chosen := map[string]string{}
		for _, v := range d.Templating.List {
			if v.Label == "" {
				t.Errorf("variable %s has no label", v.Name)
			}
			if v.Type == "datasource" {
				var of string
				if err := json.Unmarshal(v.Query, &of); err != nil {
					t.Fatal(err)
				}
				chosen["${"+v.Name+"}"] = of
			}
		}
		text, err := os.ReadFile(file(name, language))
		if err != nil {
			t.Fatal(err)
		}
		uses := regexp.MustCompile(`"datasource": \{\s*"type": "([^"]*)",\s*"uid": "([^"]*)"\s*\}`).FindAllStringSubmatch(string(text), -1)
		if all := strings.Count(string(text), `"datasource":`); len(uses) != all || all < len(d.Panels) {
			t.Errorf("%d data sources, %d of them by type and uid", all, len(uses))
		}
		for _, u := range uses {
			if chosen[u[2]] != u[1] || u[1] == "" {
				t.Errorf("data source %s of type %q, which is of type %q", u[2], u[1], chosen[u[2]])
			}
		}
	})
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// TestPanels is that every panel says what it is, and has a place of its own.
func TestPanels(t *testing.T) {
	each(t, func(t *testing.T, name, language string, d dashboard) {
		ids, titles := map[int]bool{}, map[string]bool{}
		var taken []panel
		for _, p := range d.Panels {
			g := p.GridPos
			if p.ID < 1 || ids[p.ID] || g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
				t.Errorf("panel %d %q at %+v", p.ID, p.Title, g)
			}
			ids[p.ID] = true
			for _, o := range taken {
				if g.X < o.GridPos.X+o.GridPos.W && o.GridPos.X < g.X+g.W && g.Y < o.GridPos.Y+o.GridPos.H && o.GridPos.Y < g.Y+g.H {
					t.Errorf("%q overlaps %q", p.Title, o.Title)
				}
			}
			taken = append(taken, p)
			if p.Title == "" || titles[p.Title] && p.Type == "row" {
				t.Errorf("panel %d has the title %q", p.ID, p.Title)
			}
			titles[p.Title] = true
			if p.Type == "row" {
				continue
			}
			if !strings.HasSuffix(p.Description, ".") {
				t.Errorf("%q has the description %q", p.Title, p.Description)
			}
			if len(p.Targets) > 0 && p.FieldConfig.Defaults.NoValue == "" {
				t.Errorf("%q does not say what to do where it is empty", p.Title)
			}
		}
	})
}

// TestLanguages is that both languages have the same panels: all that differs are words.
func TestLanguages(t *testing.T) {
	words := []string{"title", "description", "text", "content", "noValue", "displayName", "label", "name", "legendFormat", "language", "uid", "tags", "url", "options", "names", "fields", "fieldName", "indexByName", "renameByName", "revision", "value", "include", "filters"}
	var same func(t *testing.T, at string, a, b any)
	same = func(t *testing.T, at string, a, b any) {
		switch x := a.(type) {
		case map[string]any:
			y, _ := b.(map[string]any)
			if len(x) != len(y) {
				t.Errorf("%s: %d and %d", at, len(x), len(y))
				return
			}
			for key, value := range x {
				if other, ok := y[key]; ok {
					same(t, at+"."+key, value, other)
				} else if last := at[strings.LastIndex(at, ".")+1:]; !slices.Contains(words, last) {
					t.Errorf("%s has no %q in the other language", at, key)
				}
			}
		case []any:
			y, _ := b.([]any)
			if len(x) != len(y) {
				t.Errorf("%s: %d and %d", at, len(x), len(y))
				return
			}
			for i := range x {
				same(t, at, x[i], y[i])
			}
		case string:
			last := at[strings.LastIndex(at, ".")+1:]
			if y, ok := b.(string); !ok || x != y && !slices.Contains(words, last) {
				t.Errorf("%s: %q and %q", at, x, b)
			}
		default:
			if a != b {
				t.Errorf("%s: %v and %v", at, a, b)
			}
		}
	}
	for _, name := range names {
		var both [2]map[string]any
		for i, language := range languages {
			b, err := os.ReadFile(file(name, language))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &both[i]); err != nil {
				t.Fatal(err)
			}
		}
		same(t, name, both[0], both[1])

		// Words are in the language that the dashboard is in.
		en, fr := read(t, name, "en"), read(t, name, "fr")
		for i, p := range en.Panels {
			q := fr.Panels[i]
			for _, pair := range [][2]string{{p.Title, q.Title}, {p.Description, q.Description}, {p.FieldConfig.Defaults.NoValue, q.FieldConfig.Defaults.NoValue}} {
				if pair[0] == pair[1] && pair[0] != "" {
					t.Errorf("%s: %q in both languages", name, pair[0])
				}
			}
			for _, target := range q.Targets {
				var m struct{ Language string }
				if err := json.Unmarshal(target, &m); err != nil || q.Datasource.Type == pluginID && m.Language != "fr" {
					t.Errorf("%s: %q asks in %q (%v)", name, q.Title, m.Language, err)
				}
			}
		}
	}
}
