package attribution

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestLastIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	bytesOf := []byte{'/', '.', '/' + 1, '/' | 0x80, 0, 'a'}
	for range 100_000 {
		b := make([]byte, random.IntN(40))
		for i := range b {
			b[i] = bytesOf[random.IntN(len(bytesOf))]
			if random.IntN(2) == 0 {
				b[i] = 'x'
			}
		}
		if got, want := lastIndex(b, '/'), bytes.LastIndexByte(b, '/'); got != want {
			t.Fatalf("%q: %d, want %d", b, got, want)
		}
	}
}

func TestByPath(t *testing.T) {
	for _, row := range []struct {
		path string
		want content
	}{
		{"/a.css", contentPart},
		{"/a.b.WoFF2", contentPart},
		{"/a.css/", contentUnknown},
		{"/a.css\x00", contentUnknown},
		{"/a.\x00css", contentUnknown},
		{"/a.", contentUnknown},
		{"a.js", contentPart},
		{"/a.torrent", contentAlone},
		{"/a.appcache", contentAlone},
		{"/a.WebManifest", contentAlone},
		{"/a.webmanifesto", contentUnknown},
		{"/FavIcon-32.png", contentAlone},
		{"/x/Apple-Touch-Icon.png", contentAlone},
		{"/mstile-1.png", contentAlone},
		{"/manifest.json", contentAlone},
		{"/site.webmanifest", contentAlone},
		{"/browserconfig.xml", contentAlone},
		{"/android-chrome-1.png", contentAlone},
		{"/manifesto.json", contentData},
		{"/post-sitemap1.xml", contentRobots},
		{"/a.xml", contentFeed},
		{"/robots.txt", contentRobots},
		{"/a.txt", contentOther},
		{"/feed/", contentFeed},
		{"", contentUnknown},
	} {
		if got := byPath([]byte(row.path)); got != row.want {
			t.Errorf("%q: %v, want %v", row.path, got, row.want)
		}
	}
}
