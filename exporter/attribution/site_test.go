package attribution

import (
	"strings"
	"testing"
)

func TestSection(t *testing.T) {
	r := newRules(t, Options{Sites: []Site{{Name: "a", Hosts: []string{"a.com"}, SiteRules: SiteRules{Sections: []string{"/news", "/news/sport/", "/shop"}}}}})
	for _, row := range []struct {
		page string
		site int
		want string
	}{
		{"/", -1, "/"},
		{"/blog", -1, "/blog"},
		{"/blog/post", -1, "/blog"},
		{"/blog/", -1, "/blog"},
		{"/fr/", -1, "/fr"},
		{"/fr/blog/post", -1, "/fr/blog"},
		{"", -1, ""},
		{"/news/politics/x", 0, "/news"},
		{"/news/sport/x", 0, "/news/sport"},
		{"/newspaper", 0, "/"},
		{"/other", 0, "/"},
	} {
		if got := string(r.Section([]byte(row.page), row.site)); got != row.want {
			t.Errorf("%s of site %d: %s, want %s", row.page, row.site, got, row.want)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, row := range []struct {
		pattern, path string
		want          bool
	}{
		{"/a", "/a", true},
		{"/a", "/ab", false},
		{"/a/*", "/a/b", true},
		{"/a/*", "/a/", true},
		{"/a/*", "/a/b/c", false},
		{"/a/**", "/a/b/c", true},
		{"/a/**", "/a", false},
		{"/**/end", "/a/b/end", true},
		{"/**/end", "/end", false},
		{"**end", "/end", true},
		{"/*/x/**/y", "/a/x/b/c/y", true},
		{"/*/x/**/y", "/a/z/x/c/y", false},
		{"/a*c*e", "/abcde", true},
		{"/**a*b", "/a/ab", true},
		{"*", "/", false},
		{"**", "/", true},
	} {
		if got := glob(row.pattern, []byte(row.path)); got != row.want {
			t.Errorf("%s on %s: %v", row.pattern, row.path, got)
		}
	}
	// The worst pattern for matchers that go back: it must end.
	glob("/**a**a**a**a**a**a**a**b", []byte("/"+strings.Repeat("a", 4096)))
}
