package attribution

import (
	"testing"

	"github.com/darkshare/darkshare/exporter/schema"
)

// TestExcluded: an excluded page is no page view, and has no label either when an app makes
// a card of its link.
func TestExcluded(t *testing.T) {
	rules, err := New(Options{Default: SiteRules{Excluded: []string{"/people/*"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := rules.NewClassifier()
	for _, f := range []struct {
		request string
		kind    schema.Kind
		page    string
	}{
		{"target=/people/jane-doe", schema.KindOther, ""},
		{"target=/people/jane-doe ua=whatsapp", schema.KindPreview, ""},
		{"target=/People/jane-doe/ ua=whatsapp", schema.KindPreview, "/People/jane-doe/"},
		{"target=/blog/post ua=whatsapp", schema.KindPreview, "/blog/post"},
	} {
		var v Verdict
		c.Classify(ask(t, f.request), -1, &v)
		if v.Kind != f.kind || string(v.Page) != f.page {
			t.Errorf("%s: %s with the page %q, want %s with %q", f.request, v.Kind, v.Page, f.kind, f.page)
		}
	}
}
