package accesslog

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/darkshare/darkshare/exporter/schema"
)

// detectLines is how many lines are looked at to tell a format.
const detectLines = 200

// candidates are the formats that are told from lines, the more particular ones
// first: each is strict about its shape, so few lines have more than one.
var candidates = []string{
	"aws_alb", "cloudfront", "iis", "varnish",
	"combined", "nginx_main", "vhost_combined", "common", "combinedio", vhostCombinedNoPort, "vhost_common",
	"lighttpd", "darkshare", "nginx_ingress", "traefik", "haproxy_clf", "combined_extra", "nginx_proxy_manager", "nginx_proxy_manager_standard",
	"haproxy", "haproxy_https", "envoy", "istio",
	"caddy", "traefik_json", "envoy_json", "json",
}

// compiledCandidates are the candidates, compiled once. They are shared: copy one to
// change it.
var compiledCandidates = sync.OnceValue(func() (formats []*Format) {
	for _, name := range candidates {
		f, err := Compile(name)
		if err != nil {
			panic(err) // a mistake in a table
		}
		if name == vhostCombinedNoPort {
			f.name = "vhost_combined"
		}
		formats = append(formats, f)
	}
	return formats
})

// vhostCombinedNoPort is Apache's vhost_combined as many write it.
const vhostCombinedNoPort = `%v %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"`

// Detect tells a log's format from its first lines. Some of them may be broken or
// not be records at all; at least half of the others must have the format. The
// lines are not changed. The error says what was seen and how to name the format.
func Detect(lines [][]byte) (*Format, error) {
	var sample [][]byte
	for _, line := range lines {
		if len(line) <= MaxLine && len(bytes.TrimSpace(line)) > 0 {
			sample = append(sample, line)
		}
		if len(sample) == detectLines {
			break
		}
	}
	if len(sample) == 0 {
		return nil, fmt.Errorf("there is no line to tell the format from")
	}
	var best trial
	if f, records := headed(sample); f != nil && !records {
		return f, nil // the head of a log that has no record yet
	} else if f != nil {
		best = f.try(sample)
	}
	for _, candidate := range compiledCandidates() {
		f := *candidate
		t := f.try(sample)
		// A wider format must read more than what a stray line makes.
		if t.read > best.read+best.read/10 {
			best = t
		}
	}
	if best.read == 0 || 2*best.read < len(sample)-best.others {
		return nil, undetected(sample, best)
	}
	return best.format, nil
}

// A trial is how a format did on a sample.
type trial struct {
	format *Format
	read   int // lines that are records
	others int // lines that are something else of the proxy's
}

// headed returns the format that the first directive of a W3C extended log names, nil
// where there is none, and whether the lines have records beside.
func headed(sample [][]byte) (f *Format, records bool) {
	for _, line := range sample {
		if line[0] != '#' {
			records = true
		} else if f == nil && bytes.HasPrefix(line, []byte(FieldsDirective)) {
			f, _ = Compile(string(line))
		}
	}
	return f, records
}

// try reads the sample by the format.
func (f *Format) try(sample [][]byte) trial {
	var (
		t      = trial{format: f}
		parser = f.NewParser()
		r      Request
		line   []byte
		seen   Fields
	)
	for _, s := range sample {
		line = append(line[:0], s...)
		if f.Headed() && bytes.HasPrefix(line, []byte(FieldsDirective)) {
			if next, err := Compile(string(line)); err == nil {
				t.format, parser = next, next.NewParser()
			}
		}
		switch parser.Parse(line, &r) {
		case schema.ReasonNone:
		case schema.ReasonNotAccess:
			t.others++
			continue
		default:
			continue
		}
		if p, ok := parser.lines.(*jsonParser); ok {
			if len(r.Target) == 0 || p.whole && !p.seen().Has(FieldStatus) {
				continue
			}
			seen |= p.seen()
		}
		// Varnish writes combined, but for the host in the request line; lighttpd a host where
		// others have a hyphen, which is the address where a virtual host comes first.
		if f.proxies&(proxyVarnish|proxyLighttpd) != 0 && len(r.Host) == 0 {
			continue
		}
		if _, err := netip.ParseAddr(string(r.Host)); err == nil && f.proxies == proxyLighttpd {
			continue
		}
		t.read++
	}
	if m, ok := f.reader.(*mapping); ok && !m.caddy {
		// Flat objects have the same keys in every line, so these are all.
		f.fields = seen
	}
	return t
}

// undetected explains why no format was told.
func undetected(sample [][]byte, best trial) error {
	first := sample[0]
	var b strings.Builder
	fmt.Fprintf(&b, "the format cannot be told from the first %d lines", len(sample))
	if best.read > 0 {
		fmt.Fprintf(&b, " (%d of them look like %s)", best.read, best.format.Name())
	}
	keys := jsonNames(first)
	if !slices.ContainsFunc([]string{"v", "time", "kind", "status"}, func(key string) bool { return !slices.Contains(keys, key) }) {
		b.WriteString("; they are records that a darkshare has forwarded: serve reads them from Kafka, by an input with kafka " +
			"and format: darkshare, and replay from a file, by --config with that input alone")
		return fmt.Errorf("%s", b.String())
	}
	if len(keys) > 0 {
		fmt.Fprintf(&b, "; they are JSON objects with the keys %s: name the keys of time, status, method, target, user_agent "+
			`and the other fields in a mapping for the format "json"`, strings.Join(keys, ", "))
		return fmt.Errorf("%s", b.String())
	}
	fmt.Fprintf(&b, "; the first is %q; %s%s", clip(string(first)), howToName, knownNames())
	return fmt.Errorf("%s", b.String())
}

// jsonNames lists the keys of a line that is a JSON object, those of objects in it
// included, as far as a message should have them.
func jsonNames(line []byte) (names []string) {
	s := scanner{line: line}
	i := s.space(0)
	if i == len(line) || line[i] != '{' {
		return nil
	}
	end := s.object(i, nil, 0)
	// Strings that a colon follows are keys.
	for i < end && len(names) < 20 {
		if line[i] != '"' {
			i++
			continue
		}
		quote := s.quote(i + 1)
		name := clip(string(line[i+1 : quote]))
		if i = s.space(quote + 1); i < end && line[i] == ':' && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
