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
	// sampleLines is how many lines of a block are looked at.
	sampleLines = 2000
	warnEvery   = time.Minute
	// A site is told by the referrers of this many assets while a log is followed,
	// since its first lines may be few, and of fewer where all of it is there. After
	// votesLines lines without, it is given up.
	votesLive  = 20
	votesWhole = 3
	votesLines = 20_000
	// votesHosts bounds the hosts that are counted.
	votesHosts = 64
)

// prepare makes the block a job: with the rules of now, and the input's format
// and site.
func (e *Engine) prepare(b *stream.Block) *job {
	in := e.inputs.get(b.Input)
	if in.forwarded {
		return &job{block: b, gen: e.rules.Load(), forwarded: true}
	}
	e.learn(in, b.Data)
	gen := e.rules.Load()
	j := &job{block: b, gen: gen, format: in.format}
	if in.format != nil && in.format.Headed() {
		j.format, j.more = in.headers.split(in.format, b.Name, b.Data)
	}
	j.site = in.index(gen, j.format)
	for i := range j.more {
		j.more[i].site = in.index(gen, j.more[i].format)
	}
	return j
}

// learn tells an input's format, where none is named, and its site, where nothing
// else does.
func (e *Engine) learn(in *input, data []byte) {
	if in.detected && !in.readable(data, e.opt.MaxLine) {
		e.detect(in, data)
	}
	if in.format == nil || in.format.Fields().Has(accesslog.FieldHost) || in.site != "" || in.told != "" || in.votes.over {
		return
	}
	if gen := e.rules.Load(); gen.configured > 0 {
		if gen.configured > 1 {
			in.votes.over = true
			e.log.Warn("the format has no host: name the input's site in the configuration", "input", in.label)
		}
		return
	}
	e.vote(in, data)
}

// detect tells the format of an input from its lines.
func (e *Engine) detect(in *input, data []byte) {
	format, err := accesslog.Detect(lines(data, e.opt.MaxLine))
	if err != nil {
		if time.Since(in.warned) > warnEvery {
			in.warned = time.Now()
			e.log.Error("cannot tell the format of the lines; name it with --format or in the configuration",
				"input", in.label, "err", err)
		}
		return
	}
	if in.format == nil || format.Definition() != in.format.Definition() {
		e.log.Info("format told from the lines", "input", in.label, "format", format.Name())
	}
	in.format, in.parser = format, format.NewParser()
}

// vote lets the lines vote for the site: a page's assets are asked for with the
// site's own address as their referrer.
func (e *Engine) vote(in *input, data []byte) {
	in.votes.count(in.format, e.rules.Load().rules, lines(data, e.opt.MaxLine))
	enough := votesWhole
	if e.opt.Live {
		enough = votesLive
	}
	name, ok := in.votes.winner(enough)
	log := e.log.With("input", in.label)
	switch {
	case ok:
		in.votes.over = true
		if err := e.tell(name); err != nil {
			log.Warn("the site told from the log cannot be used; name it with --site", "site", name, "err", err)
			return
		}
		e.inputs.mu.Lock()
		in.told = name
		e.inputs.mu.Unlock()
		log.Info("site told from the referrers of its assets", "site", name)
	case in.votes.lines >= votesLines:
		in.votes.over = true
		log.Warn("the format has no host and the lines do not tell the site: its own referrers cannot be told from others; name it with --site")
	}
}

// votes are the referrers of a log's assets, by registrable domain.
type votes struct {
	over       bool
	hosts      map[string]int
	all, lines int

	parser     *accesslog.Parser
	format     *accesslog.Format
	classifier *attribution.Classifier
}

func (v *votes) count(format *accesslog.Format, rules *attribution.Rules, sample [][]byte) {
	if v.format != format {
		v.format, v.parser, v.classifier, v.hosts = format, format.NewParser(), rules.NewClassifier(), map[string]int{}
	}
	v.lines += len(sample)
	var (
		req     accesslog.Request
		verdict attribution.Verdict
	)
	for _, line := range sample {
		// The line is somebody else's to parse yet.
		if v.parser.Parse(slices.Clone(line), &req) != schema.ReasonNone {
			continue
		}
		v.classifier.Classify(&req, -1, &verdict)
		host := domain(req.Referer)
		if verdict.Kind != schema.KindAsset || host == "" {
			continue
		}
		v.all++
		if _, known := v.hosts[host]; known || len(v.hosts) < votesHosts {
			v.hosts[host]++
		}
	}
}

// winner returns the host with more than half of the votes, of which there must
// be enough.
func (v *votes) winner(enough int) (string, bool) {
	for host, n := range v.hosts {
		if n >= enough && 2*n > v.all {
			return host, true
		}
	}
	return "", false
}

// domain returns the registrable domain of a URL's host, or the host where it has
// none.
func domain(referrer []byte) string {
	if len(referrer) == 0 {
		return ""
	}
	u, err := url.Parse(string(referrer))
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	if d, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return d
	}
	return host
}

// InferSite tells a log's site from the referrers of the assets in its lines.
func InferSite(format *accesslog.Format, sample [][]byte) (name string, ok bool) {
	rules, err := attribution.New(attribution.Options{})
	if err != nil {
		return "", false
	}
	var v votes
	v.count(format, rules, sample)
	return v.winner(votesWhole)
}

// lines returns the first lines, without their ends, but for those that are longer than
// most: of these nothing is read.
func lines(data []byte, most int) [][]byte {
	var out [][]byte
	for line := range bytes.Lines(data) {
		if len(out) == sampleLines {
			break
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) <= most {
			out = append(out, line)
		}
	}
	return out
}

// readable reports whether any of the first lines has the format that was told
// from earlier ones: a log does not change its format often.
func (in *input) readable(data []byte, most int) bool {
	if in.format == nil {
		return false
	}
	var req accesslog.Request
	n := 0
	for line := range bytes.Lines(data) {
		if n++; n > 20 {
			return false
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) > most {
			continue
		}
		in.line = append(in.line[:0], line...)
		if in.parser.Parse(in.line, &req) == schema.ReasonNone {
			return true
		}
	}
	return n == 0
}
