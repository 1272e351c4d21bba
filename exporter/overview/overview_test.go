package overview

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// get asks the page for an address, with headers as name, value.
func get(t testing.TB, h http.Handler, address string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestGolden(t *testing.T) {
	w := aWorld().run(t, 30*24*time.Hour)
	o := w.options()
	o.Note = map[string]string{"en": "Simulated traffic.", "fr": "Trafic simulé."}
	o.Links = []Link{{"/api/v1/status/buildinfo", map[string]string{"en": "Query API", "fr": "API de requêtes"}}}
	h := New(o)
	golden(t, "en.html", get(t, h, "http://darkshare.example:9464/"))
	golden(t, "fr.html", get(t, h, "http://darkshare.example:9464/?lang=fr&range=7d"))
	golden(t, "day.html", get(t, h, "http://darkshare.example:9464/?range=24h"))
}

func TestGoldenWithoutStore(t *testing.T) {
	w := aWorld().run(t, 90*time.Minute)
	w.query, w.rangeOf = nil, nil
	w.lastDay(news, 5000, 0.21, 0.33, 0.48)
	golden(t, "nostore.html", get(t, New(w.options()), "http://localhost:9464/?lang=fr"))
}

func golden(t *testing.T, name string, got *httptest.ResponseRecorder) {
	t.Helper()
	if got.Code != http.StatusOK {
		t.Fatalf("%s: %d", name, got.Code)
	}
	path := filepath.Join("testdata", name)
	// The style sheet has a file of its own.
	page := strings.Replace(got.Body.String(), css(), "…", 1)
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), page); d != "" {
		t.Errorf("%s (-want +got; go test -update writes it anew):\n%s", path, d)
	}
}
