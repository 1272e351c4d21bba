package accesslog

import "testing"

func TestUnescape(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`plain`, "plain"},
		{`\x22\x5C\x0a\xFF`, "\"\\\n\xff"},
		{`\"\\\/\b\f\n\r\t\v\a`, "\"\\/\b\f\n\r\t\v\a"},
		{`\u00e9\u20AC\u0000`, "é€\x00"},
		{`\ud83d\ude00`, "😀"},
		{`\ud83dx\ude00`, "\ufffdx\ufffd"},
		{`\ud83d\u0041`, "\ufffdA"},
		{`\ud83d`, "\ufffd"},
		{`\\x22`, `\x22`},
		{`\x2`, `\x2`},
		{`\xg0\u12\u12g4\q`, `\xg0\u12\u12g4\q`},
		{`end\`, `end\`},
		{``, ``},
	} {
		if got := string(unescape([]byte(c.in))); got != c.want {
			t.Errorf("%s: got %q, want %q", c.in, got, c.want)
		}
	}
}
