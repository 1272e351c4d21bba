// Package docs holds the documentation against itself and the repository: what a link
// names is there.
package docs

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// root is the top of the repository, and here what links to a file of it on GitHub
// begin with.
const (
	root = ".."
	here = "https://github.com/darkshare/darkshare/blob/main/"
)

var (
	fenced = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	code   = regexp.MustCompile("`[^`\n]*`")
	// link is an inline one, or an image, or a definition for references.
	link    = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?m)^\[[^\]]+\]:\s+(\S+)|(?:href|src)="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *#*$`)
	named   = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	marked  = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
)

// pages returns the Markdown files of the repository, by their paths from its top.
func pages(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "node_modules", "dist", "testdata"}, d.Name()):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ".md"):
			rel, err := filepath.Rel(root, path)
			all = append(all, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// links returns where a page leads to, code left out.
func links(text string) (targets []string) {
	text = code.ReplaceAllString(fenced.ReplaceAllString(text, ""), "")
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		targets = append(targets, m[1]+m[2]+m[3])
	}
	return targets
}

// anchors returns the names that a page's headings have on GitHub.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	text = fenced.ReplaceAllString(text, "")
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		name := anchor(m[1])
		if names[name] {
			for i := 1; ; i++ {
				if next := name + "-" + string(rune('0'+i)); !names[next] {
					name = next
					break
				}
			}
		}
		names[name] = true
	}
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		names[m[1]] = true
	}
	return names
}

// anchor is the name of one heading: in lower case, without punctuation, and with dashes
// for spaces.
func anchor(title string) string {
	title = marked.ReplaceAllString(title, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// TestAnchor: the names are those that GitHub gives.
func TestAnchor(t *testing.T) {
	for title, want := range map[string]string{
		"Try it":                                 "try-it",
		"1. Tags (`evidence=\"tag\"`)":           "1-tags-evidencetag",
		"Why is my dark share 60 %?":             "why-is-my-dark-share-60-",
		"[Unreleased](https://example.com/) – x": "unreleased--x",
		"`limits.pages`, `under_score`":          "limitspages-under_score",
	} {
		if got := anchor(title); got != want {
			t.Errorf("%q is %q, want %q", title, got, want)
		}
	}
}

// TestLinks: every link within the repository leads to a file that is there, and to a
// heading that it has; every other is https.
func TestLinks(t *testing.T) {
	checked := 0
	for _, page := range pages(t) {
		for _, target := range links(read(t, page)) {
			checked++
			if trouble := follow(page, target); trouble != "" {
				t.Errorf("%s: %s: %s", page, target, trouble)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d links were found", checked)
	}
}

// follow says what is wrong with a link.
func follow(page, target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return err.Error()
	}
	path := u.Path
	switch {
	case strings.HasPrefix(target, here):
		path = strings.TrimPrefix(strings.SplitN(target, "#", 2)[0], here)
	case u.Scheme == "https" || u.Scheme == "mailto":
		return ""
	case u.Scheme == "http":
		if u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" {
			return ""
		}
		return "not https"
	case u.Scheme != "" || u.Host != "":
		return "neither https nor a file"
	case strings.HasPrefix(path, "/"):
		return "a path from the root leads out of the repository"
	case path == "":
		path = page
	default:
		path = filepath.ToSlash(filepath.Join(filepath.Dir(page), path))
	}
	if path == ".." || strings.HasPrefix(path, "../") {
		return "leads out of the repository"
	}
	if _, err := os.Stat(filepath.Join(root, path)); err != nil {
		return "is not there"
	}
	if u.Fragment == "" || !strings.HasSuffix(path, ".md") {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return err.Error()
	}
	if !anchors(string(text))[u.Fragment] {
		return "has no such heading"
	}
	return ""
}

// TestReachable: who begins at the README or the index finds every page of the
// documentation.
func TestReachable(t *testing.T) {
	seen := map[string]bool{}
	var visit func(page string)
	visit = func(page string) {
		if seen[page] {
			return
		}
		seen[page] = true
		for _, target := range links(read(t, page)) {
			target, _, _ = strings.Cut(target, "#")
			if strings.Contains(target, ":") || !strings.HasSuffix(target, ".md") {
				continue
			}
			next := filepath.ToSlash(filepath.Join(filepath.Dir(page), target))
			if _, err := os.Stat(filepath.Join(root, next)); err == nil {
				visit(next)
			}
		}
	}
	visit("README.md")
	visit("docs/README.md")
	for _, page := range pages(t) {
		if strings.HasPrefix(page, "docs/") && !seen[page] {
			t.Errorf("neither the README nor docs/README.md leads to %s", page)
		}
	}
}
