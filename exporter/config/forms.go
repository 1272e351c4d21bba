package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/darkshare/darkshare/exporter/stream/syslog"
)

// A form is the shape of a text: what it is in words, and a function that returns
// it as the rest of darkshare wants it, or says what is wrong.
type form struct {
	what  string
	parse func(string) (string, error)
}

var forms = map[string]form{
	"text":           {"a text", filled},
	"label":          {"a name of at most 100 characters", label},
	"source":         {"a name such as my_app (small letters, digits, _)", sourceName},
	"sender":         {"a host such as chat.example.com, or android-app://package", sender},
	"token":          {"a text of at least 3 characters", agentToken},
	"parameter":      {"a query parameter's name such as utm_source", parameter},
	"host":           {"a host such as example.com", host},
	"path":           {"the beginning of a path such as /news/", pathPrefix},
	"path_glob":      {"a path such as /thanks, /news/* or /admin/**", pathGlob},
	"file_glob":      {"a file such as /var/log/nginx/*.log", fileGlob},
	"file":           {"a file such as /etc/darkshare/cert.pem", filled},
	"secret_file":    {"a file such as /etc/darkshare/secret", filled},
	"state_file":     {"a file such as /var/lib/darkshare/state", filled},
	"rule_file":      {"a file such as /etc/darkshare/rules.yml", filled},
	"directory":      {"a directory such as /var/lib/darkshare/store", filled},
	"address":        {"an address to listen on such as 127.0.0.1:9001", address},
	"broker":         {"a host with its port such as kafka.example.com:9092", broker},
	"syslog_address": {"an address such as udp://127.0.0.1:5140, tcp://…, tls://… or unix:///run/darkshare.sock", syslogAddress},
}

// errEmpty is a text of nothing, where something was expected.
var errEmpty = errors.New("empty")

func filled(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", errEmpty
	}
	return s, nil
}

// label keeps the values of labels short, printable and apart from "(other)".
func label(s string) (string, error) {
	switch {
	case strings.TrimSpace(s) == "":
		return "", errEmpty
	case len(s) > 100 || strings.HasPrefix(s, "(") || strings.ContainsFunc(s, unprintable):
		return "", fmt.Errorf("expected a name of at most 100 characters, printable, that does not begin with a bracket, got %s", quote(s))
	}
	return s, nil
}

func sourceName(s string) (string, error) {
	if len(s) > 40 || !plainKey(s) {
		return "", fmt.Errorf("expected a name of small letters, digits and _, such as my_app, at most 40 of them, got %s", quote(s))
	}
	return s, nil
}

// agentToken refuses what is so short that half of all agents have it. The marks
// around a token are attribution's.
func agentToken(s string) (string, error) {
	switch n := len(strings.TrimSpace(strings.Trim(s, "^$|*"))); {
	case strings.TrimSpace(s) == "":
		return "", errEmpty
	case n < 3:
		return "", fmt.Errorf("expected at least 3 characters, got %s: a shorter text is in most user agents", quote(s))
	case n > 255:
		return "", fmt.Errorf("expected at most 255 characters, got %s", quote(s))
	}
	return s, nil
}

// sender returns what stands in a referrer: a host, a name under any public
// suffix (google.*), or an Android app.
func sender(s string) (string, error) {
	if app, ok := strings.CutPrefix(s, "android-app://"); ok {
		if _, err := hostName(app); err != nil || strings.HasSuffix(app, ".") {
			return "", fmt.Errorf("expected an Android package such as android-app://com.example.chat, got %s", quote(s))
		}
		return s, nil
	}
	if name, ok := strings.CutSuffix(s, ".*"); ok {
		name, err := hostName(name)
		if err != nil {
			return "", fmt.Errorf("expected a name under any suffix such as example.*, got %s", quote(s))
		}
		return name + ".*", nil
	}
	return host(s)
}

func parameter(s string) (string, error) {
	if s == "" || len(s) > 100 || strings.ContainsAny(s, "?&=#%+") || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unprintable(r)
	}) {
		return "", fmt.Errorf("expected a query parameter's name alone, such as utm_source, got %s", quote(s))
	}
	return s, nil
}

// host returns a host as logs have it: small letters, punycode, no trailing dot.
func host(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", errEmpty
	}
	if addr, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil && addr.Zone() == "" {
		return addr.String(), nil
	}
	bare := s
	if _, after, ok := strings.Cut(bare, "://"); ok {
		bare = after
	}
	bare, _, _ = strings.Cut(bare, "/")
	bare, _, _ = strings.Cut(bare, "?")
	if i := strings.LastIndexByte(bare, ':'); i >= 0 {
		bare = bare[:i]
	}
	bare = strings.TrimPrefix(strings.TrimPrefix(bare, "*"), ".")
	name, err := hostName(bare)
	switch {
	case err != nil:
		return "", fmt.Errorf("expected a host such as example.com, got %s", quote(s))
	case bare != s && strings.HasPrefix(s, "*"):
		return "", fmt.Errorf("write %s, not %s: subdomains are included", bare, quote(s))
	case bare != s:
		return "", fmt.Errorf("write %s, not %s", bare, quote(s))
	}
	if suffix, icann := publicsuffix.PublicSuffix(name); icann && suffix == name {
		return "", fmt.Errorf("expected a host such as example.com, got %s: sites register under that", quote(s))
	}
	return name, nil
}

func hostName(s string) (string, error) {
	name, err := idna.Punycode.ToASCII(strings.ToLower(strings.TrimSuffix(s, ".")))
	if err != nil || len(name) > 253 {
		return "", errors.New("not a host")
	}
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || len(part) > 63 || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", errors.New("not a host")
		}
	}
	return name, nil
}

func pathPrefix(s string) (string, error) {
	if strings.ContainsAny(s, "*[]{}") {
		return "", fmt.Errorf("expected the beginning of a path, such as /news/, without wildcards, got %s", quote(s))
	}
	return pathGlob(s)
}

func pathGlob(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", errEmpty
	}
	bare := s
	if _, after, ok := strings.Cut(s, "://"); ok {
		i := strings.IndexByte(after, '/')
		if i < 0 {
			after, i = "/", 0
		}
		bare = after[i:]
	}
	bare, _, _ = strings.Cut(bare, "#")
	bare, _, query := strings.Cut(bare, "?")
	if !strings.HasPrefix(bare, "/") && !strings.HasPrefix(bare, "*") {
		bare = "/" + bare
	}
	switch {
	case bare != s && query:
		return "", fmt.Errorf("write %s, not %s: pages are known without their query", bare, quote(s))
	case bare != s:
		return "", fmt.Errorf("write %s, not %s", bare, quote(s))
	case strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || unprintable(r) }):
		return "", fmt.Errorf("expected a path as browsers send it (%%20 for a space), got %s", quote(s))
	}
	return s, nil
}

func fileGlob(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", errEmpty
	}
	if s == "-" {
		return "", errors.New(`write "stdin: true" in place of "files", not "-", for standard input`)
	}
	if _, err := filepath.Match(s, ""); err != nil {
		return "", fmt.Errorf(`bad glob %s: a "[" without its "]", or "\" at the end (write \[ for the character itself)`, quote(s))
	}
	return s, nil
}

// address returns host:port, on the loopback interface where there is no host.
func address(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return "", fmt.Errorf("expected an address to listen on such as 127.0.0.1:9001, got %s", quote(s))
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

func broker(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
		return "", fmt.Errorf("expected a host with its port such as kafka.example.com:9092, got %s", quote(s))
	}
	return s, nil
}

func syslogAddress(s string) (string, error) {
	network, address, err := syslog.ParseAddress(s)
	if err == nil && network == "unix" && !filepath.IsAbs(address) {
		err = fmt.Errorf("write the whole path, as in unix:///run/darkshare.sock, not %s", quote(s))
	}
	if err != nil {
		return "", err
	}
	return network + "://" + address, nil
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }
