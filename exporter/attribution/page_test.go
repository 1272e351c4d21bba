package attribution

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPage(t *testing.T) {
	p := pager{digits: 10, token: 20}
	long := "/" + strings.Repeat("a", 300)
	for _, row := range []struct{ path, want string }{
		// As it is.
		{"/", "/"},
		{"/blog/2024/01/02/my-long-title-about-15-things", "/blog/2024/01/02/my-long-title-about-15-things"},
		{"/Apple-iPhone-15-Pro-Max-vs-Samsung-Galaxy-S24-Ultra", "/Apple-iPhone-15-Pro-Max-vs-Samsung-Galaxy-S24-Ultra"},
		{"/Rindfleischetikettierungsueberwachung", "/Rindfleischetikettierungsueberwachung"},
		{"/COVID-19_in_the_United_Kingdom_2020", "/COVID-19_in_the_United_Kingdom_2020"},
		{"/-------------------------", "/-------------------------"},
		{"/item/123456789", "/item/123456789"},
		{"/caf%C3%A9", "/caf%C3%A9"},
		{"/café", "/café"},
		{"/a/", "/a/"},
		{"/a.b.html", "/a.b.html"},
		{"/my-index.html", "/my-index.html"},

		// Folded.
		{"", "/"},
		{"//a///b//", "/a/b/"},
		{"/a/./b/.", "/a/b/"},
		{"/index.html", "/"},
		{"/a/INDEX.PHP", "/a/"},
		{"/a/index.aspx", "/a/"},
		{"/a/index.txt", "/a/index.txt"},
		{"/index", "/index"},
		{"/a;jsessionid=0123ABCD", "/a"},
		{"/a;JSESSIONID=0123ABCD.node1/b", "/a/b"},
		{"/%61%2Db%7E", "/a-b~"},
		{"a/b", "/a/b"},
		{"/a#b/c", "/a"},
		{"#x", "/"},

		// Masked: e-mail addresses.
		{"/u/jane.doe@example.com/edit", "/u/{email}/edit"},
		{"/u/jane.doe%40example.com", "/u/{email}"},
		{"/u/jane.doe%2540example.com", "/u/{email}"},
		{"/u/%6Aane%40example.com", "/u/{email}"},
		{"/u/mail=j+x@e.co,2", "/u/mail={email},2"},
		{"/u/a@b@c", "/u/{email}"},
		{"/u/jane@", "/u/{email}"},
		{"/100%@x", "/{email}"},
		{"/@jane/status", "/%40jane/status"},
		{"/@jane@example.social", "/{email}"},
		// Tokens.
		{"/reset/3f2504e04f8911d39a0c0305e82c3301", "/reset/{token}"},
		{"/reset/3f2504e0-4f89-11d3-9a0c-0305e82c3301/x", "/reset/{token}/x"},
		{"/s/q9Zf-T3x_Lk8PvB2wRy7", "/s/{token}"},
		{"/s/QWxhZGRpbjpvcGVuIHNlc2FtZQ", "/s/{token}"},
		{"/t/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P", "/t/{token}"},
		{"/file-0a1b2c3d4e5f6a7b8c9d0e1f.js", "/{token}.js"},
		// Numbers.
		{"/order/1234567890", "/order/{number}"},
		{"/order/id1234567890x", "/order/id{number}x"},
		{"/tel/+33612345678", "/tel/+{number}"},
		{"/00000000000000000000000", "/{number}"},

		// Made safe.
		{"/a\x00b\x1b[31m", "/a%00b%1B[31m"},
		{"/a b", "/a%20b"},
		{"/a\xff\xfe", "/a%FF%FE"},
		{"/a\u202eb", "/a%E2%80%AEb"},
		{"/a%0ab", "/a%0ab"},

		// Cut.
		{long, long[:197] + "…"},
		{"/" + strings.Repeat("a", 195) + "%C3%A9xxxx", "/" + strings.Repeat("a", 195) + "…"},
		{"/" + strings.Repeat("é", 150), "/" + strings.Repeat("é", 98) + "…"},
		{"/" + strings.Repeat("a", 190) + "/1234567890/x", "/" + strings.Repeat("a", 190) + "/…"},
		{"/" + strings.Repeat("a", 190) + "/12345678", "/" + strings.Repeat("a", 190) + "/12345678"},
	} {
		got, _ := p.label(nil, []byte(row.path))
		if string(got) != row.want {
			t.Errorf("%q: %q, want %q", row.path, got, row.want)
		}
	}
}

func TestPageCopiesOnlyWhatChanges(t *testing.T) {
	p := pager{digits: 10, token: 20}
	path := []byte("/blog/index.html")
	buf := []byte("kept")
	label, rest := p.label(buf, path)
	if &label[0] != &path[0] || len(rest) != len(buf) {
		t.Error("a clean path was copied")
	}
	label, rest = p.label(buf, []byte("/blog//x"))
	if string(label) != "/blog/x" || !bytes.HasPrefix(rest, buf) {
		t.Errorf("%q in %q", label, rest)
	}
}

// TestPageCleanAgrees: a path is called clean only where the long way changes
// nothing.
func TestPageCleanAgrees(t *testing.T) {
	p := pager{digits: 10, token: 20}
	parts := []string{"/", "a", "Word", "-", "_", ".", "7", "2024", "12345678", "q9Zf", "T3x_Lk8P", "index.html", "lowercase", "~"}
	random := rand.New(rand.NewPCG(1, 2))
	clean := 0
	for range 200_000 {
		path := []byte("/")
		for range random.IntN(16) {
			path = append(path, parts[random.IntN(len(parts))]...)
		}
		end, ok := p.clean(path)
		want := p.mask(nil, p.normalise(nil, path))
		switch {
		case ok && string(path[:end]) != string(want):
			t.Fatalf("%q is clean to %q, the long way says %q", path, path[:end], want)
		case !ok && string(path[:foldIndex(path)]) == string(want) && !bytes.Contains(path, []byte("/.")):
			t.Fatalf("%q is not clean, the long way says %q", path, want)
		}
		if ok {
			clean++
		}
	}
	if clean < 20_000 || clean > 180_000 {
		t.Errorf("%d clean", clean)
	}
}

func FuzzPage(f *testing.F) {
	for _, s := range []string{"/", "/a%40b", "/%25%34%30", "/{email", "/\xe2\x80", "/a@b/%", "/.//./", "/%2e%2e/", "/x;jsessionid="} {
		f.Add([]byte(s))
		f.Add([]byte("/" + strings.Repeat(s, 60)))
	}
	p := pager{digits: 10, token: 20}
	f.Fuzz(func(t *testing.T, path []byte) {
		path, _ = splitTarget(path)
		label, _ := p.label(nil, path)
		checkPage(t, label)
	})
}

// checkPage reports what is wrong with a page label.
func checkPage(t *testing.T, page []byte) {
	t.Helper()
	switch {
	case len(page) == 0 || page[0] != '/':
		t.Errorf("%q does not start with a slash", page)
	case len(page) > maxPage:
		t.Errorf("%q has %d bytes", page, len(page))
	case !utf8.Valid(page):
		t.Errorf("%q is not UTF-8", page)
	case bytes.ContainsAny(page, "@?#"):
		t.Errorf("%q holds what it should not", page)
	case bytes.ContainsFunc(page, func(r rune) bool { return r < ' ' || r == 0x7f }):
		t.Errorf("%q holds control characters", page)
	}
}
