package pipeline

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
)

const (
	// sampleLines is how many lines the format and the site are told from.
	sampleLines = 2000
	warnEvery   = time.Minute
)

// prepare makes the block a job: with the rules of now, and the input's format.
func (e *Engine) prepare(b *stream.Block) job {
	in := e.inputs.get(b.Input)
	if in.detected {
		e.detect(in, b.Data)
	}
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	return job{block: b, gen: e.rules.Load(), format: in.format, site: in.site}
}

// detect tells the format of an input from its lines, and again where they have
// come to look otherwise; and the site, where neither lines nor options name one.
func (e *Engine) detect(in *input, data []byte) {
	if in.readable(data) {
		return
	}
	sample := lines(data)
	format, err := accesslog.Detect(sample)
	if err != nil {
		if time.Since(in.warned) > warnEvery {
			in.warned = time.Now()
			e.log.Error("cannot tell the format of the lines; name it with --format or in the configuration",
				"input", in.name, "err", err)
		}
		return
	}
	if in.format == nil || format.Definition() != in.format.Definition() {
		e.log.Info("format told from the lines", "input", in.name, "format", format.Name())
	}
	in.format, in.parser = format, format.NewParser()
	e.inferSite(in, sample)
}

// inferSite names the site by the log itself where nothing else does: a page's
// assets are asked for with the site's own address as their referrer.
func (e *Engine) inferSite(in *input, sample [][]byte) {
	opt := e.rules.Load().opt
	if in.site >= 0 || in.format.Fields().Has(accesslog.FieldHost) {
		return
	}
	switch len(opt.Sites) {
	case 0:
	case 1:
		e.inputs.mu.Lock()
		in.site = 0
		e.inputs.mu.Unlock()
		return
	default:
		e.log.Warn("the format has no host: name the input's site in the configuration", "input", in.name)
		return
	}
	name, ok := InferSite(in.format, sample)
	log := e.log.With("input", in.name)
	if !ok {
		log.Warn("the format has no host and no site is named: the site's own referrers cannot be told from others; name it with --site")
		return
	}
	opt.Sites = append(opt.Sites, attribution.Site{Name: name, Hosts: []string{name}, SiteRules: opt.Default})
	if err := e.Configure(opt, nil); err != nil {
		log.Warn("the site told from the log cannot be used; name it with --site", "site", name, "err", err)
		return
	}
	e.inputs.mu.Lock()
	in.site = len(opt.Sites) - 1
	e.inputs.mu.Unlock()
	log.Info("site told from the referrers of its assets", "site", name)
}

// InferSite tells a log's site from the referrers of the assets in a sample of
// its lines.
func InferSite(format *accesslog.Format, sample [][]byte) (name string, ok bool) {
	rules, err := attribution.New(attribution.Options{})
	if err != nil {
		return "", false
	}
	var (
		parser     = format.NewParser()
		classifier = rules.NewClassifier()
		req        accesslog.Request
		verdict    attribution.Verdict
		counts     = map[string]int{}
		all        int
	)
	for _, line := range sample {
		// The line is somebody else's to parse yet.
		if parser.Parse(slices.Clone(line), &req) != schema.ReasonNone {
			continue
		}
		classifier.Classify(&req, -1, &verdict)
		if verdict.Kind != schema.KindAsset {
			continue
		}
		u, err := url.Parse(string(req.Referer))
		if err != nil || u.Hostname() == "" {
			continue
		}
		host := strings.ToLower(u.Hostname())
		if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
			host = domain
		}
		counts[host]++
		all++
	}
	for host, n := range counts {
		if 2*n > all {
			return host, true
		}
	}
	return "", false
}

func lines(data []byte) [][]byte {
	var out [][]byte
	for line := range bytes.Lines(data) {
		if len(out) == sampleLines {
			break
		}
		out = append(out, bytes.TrimRight(line, "\r\n"))
	}
	return out
}

// readable reports whether any of the first lines has the format that was told
// from earlier ones: a log does not change its format often.
func (in *input) readable(data []byte) bool {
	if in.format == nil {
		return false
	}
	var req accesslog.Request
	n := 0
	for line := range bytes.Lines(data) {
		if n++; n > 20 {
			return false
		}
		in.line = append(in.line[:0], bytes.TrimRight(line, "\r\n")...)
		if in.parser.Parse(in.line, &req) == schema.ReasonNone {
			return true
		}
	}
	return n == 0
}
