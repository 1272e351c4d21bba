package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/visit"
)

func explainCommand() *cobra.Command {
	var source sourceFlags
	cmd := &cobra.Command{
		Use:   "explain FILE...",
		Short: "Say of every record what it is, who sent it, and why",
		Long: `Print one JSON object per record, in the log's order:

  {"line":1,"kind":"landing","visit":true,"site":"example.com","page":"/a","channel":
   "dark_social","source":"whatsapp","evidence":"app","device":"mobile","why":"..."}

kind is landing, internal, reload, asset, api, bot, preview, prefetch, redirect, error,
other, or parse_error. A landing's line waits until it is known whether its visitor
is a browser, and the lines after it wait with it. Past 500,000 waiting lines, the
oldest landings are decided by what is known by then. Files are read in the order
given: name the oldest first. Whatever is printed of a line goes to you alone.`,
		Example: `  darkshare explain --site example.com access.log | jq -c 'select(.channel == "dark_social")'
  tail -n 1000 access.log | darkshare explain --format combined -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			e := newExplainer(cmd.OutOrStdout())
			engine, err := replay(cmd.Context(), &source, files, e)
			if engine == nil {
				return err
			}
			if werr := e.close(); werr != nil {
				return werr
			}
			return err
		},
	}
	source.register(cmd)
	return cmd
}

// An explanation is what is printed of one record. Its keys are a stable interface.
type explanation struct {
	Line     uint64 `json:"line"`
	Kind     string `json:"kind"`
	Reason   string `json:"reason,omitempty"`
	Visit    *bool  `json:"visit,omitempty"`
	Site     string `json:"site,omitempty"`
	Page     string `json:"page,omitempty"`
	Channel  string `json:"channel,omitempty"`
	Source   string `json:"source,omitempty"`
	Evidence string `json:"evidence,omitempty"`
	App      string `json:"app,omitempty"`
	Scope    string `json:"scope,omitempty"`
	Device   string `json:"device,omitempty"`
	Why      string `json:"why"`

	waits bool
}

// heldLines is how many lines may wait behind a landing before the oldest landing
// has to do with what is known by then.
const heldLines = 500_000

// An explainer prints explanations in order, each when it is complete.
type explainer struct {
	w     *bufio.Writer
	enc   *json.Encoder
	rules *attribution.Rules
	// queue holds the records from the first that is not complete; base is its line.
	queue []*explanation
	base  uint64
	err   error
}

func newExplainer(w io.Writer) *explainer {
	buf := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	return &explainer{w: buf, enc: enc, base: 1}
}

func (x *explainer) at(id uint64) *explanation { return x.queue[id-x.base] }

func (x *explainer) push(e *explanation) { x.queue = append(x.queue, e) }

// Malformed implements pipeline.Observer.
func (x *explainer) Malformed(id uint64, reason schema.Reason) {
	x.push(&explanation{Line: id, Kind: "parse_error", Reason: reason.String(), Why: malformed[reason]})
	x.print()
}

// Explained implements pipeline.Observer.
func (x *explainer) Explained(e *visit.Event, site string, rules *attribution.Rules, why string) {
	x.rules = rules
	ex := &explanation{Line: e.ID, Site: site, Page: string(e.Page), Why: why, waits: true}
	switch e.Kind {
	case schema.KindPreview:
		ex.App, ex.Scope = rules.SourceName(e.App), e.Scope.String()
	case schema.KindBot:
	default:
		ex.Device = e.Device.String()
	}
	x.push(ex)
}

// Request implements visit.Sink.
func (x *explainer) Request(e *visit.Event, kind schema.Kind) {
	ex := x.at(e.ID)
	ex.Kind = kind.String()
	ex.waits = kind == schema.KindLanding
	switch {
	case kind == schema.KindReload:
		ex.Why = "the same visitor landed on the same page from the same sender within the window"
	case kind == schema.KindBot && e.Kind != schema.KindBot:
		ex.App, ex.Scope, ex.Device = "", "", ""
		ex.Why = "the user agent does not say so, but it behaves like a scanner"
	}
	if !ex.waits {
		x.print()
	}
}

// Landing implements visit.Sink.
func (x *explainer) Landing(o *visit.Outcome) {
	ex := x.at(o.ID)
	ex.waits = false
	ex.Channel, ex.Source, ex.Evidence = o.Channel.String(), x.rules.SourceName(o.Source), o.Evidence.String()
	ex.Why = strings.Join([]string{ex.Why + concluded(o), confirmed[o.Reason]}, "; ")
	visit := o.Visit
	ex.Visit = &visit
	x.print()
}

// Share implements visit.Sink.
func (x *explainer) Share(int, attribution.Source, schema.Scope, []byte) {}

// Conversion implements visit.Sink.
func (x *explainer) Conversion(int, int, schema.Channel, attribution.Source) {}

// Behind implements pipeline.Observer.
func (x *explainer) Behind() bool { return len(x.queue) > heldLines }

// print writes the records that are complete.
func (x *explainer) print() {
	n := 0
	for n < len(x.queue) && !x.queue[n].waits {
		if err := x.enc.Encode(x.queue[n]); err != nil && x.err == nil {
			x.err = err
		}
		x.queue[n] = nil
		n++
	}
	x.queue, x.base = x.queue[n:], x.base+uint64(n)
}

func (x *explainer) close() error {
	if err := x.w.Flush(); err != nil {
		return err
	}
	return x.err
}

// concluded says what a landing without a sign of its sender was taken for.
func concluded(o *visit.Outcome) string {
	switch o.Evidence {
	case schema.EvidenceDeepLink:
		return ", on a page that nobody types: somebody sent the link"
	case schema.EvidenceEntryPage:
		if o.Learned {
			return ", on a page from which visitors go on to many others: typed or from a bookmark"
		}
		return ", on a page that people type or have bookmarked"
	case schema.EvidenceSuppressed:
		return ", and none with the page's own assets either: the client hides every referrer"
	}
	return ""
}

var confirmed = [...]string{
	visit.ReasonUnconfirmed: "not counted, for its visitor never showed itself as a browser",
	visit.ReasonOwnReferrer: "counted, for its visitor fetched what belongs to a page",
	visit.ReasonMetadata:    "counted, for its visitor sends fetch metadata as browsers do",
	visit.ReasonBareAsset:   "counted, for its visitor fetched assets",
	visit.ReasonInvisible:   "counted, for this site does not show who is a browser",
	visit.ReasonSameVisit:   "not counted, for its visitor was counted a moment ago, and without referrers its way through the site looks like new visits",
	visit.ReasonHostile:     "not counted, for its visitor behaves like a scanner",
	visit.ReasonEvicted:     "not counted, for there was no room to wait for its visitor to show itself as a browser",
}

var malformed = [schema.NumReasons]string{
	schema.ReasonEmpty:     "the line is empty",
	schema.ReasonTooLong:   "the line is longer than the limit",
	schema.ReasonFormat:    "the line does not have the log's format",
	schema.ReasonTime:      "the time cannot be read",
	schema.ReasonStatus:    "the status is not a number from 100 to 999",
	schema.ReasonJSON:      "the line is not a JSON object",
	schema.ReasonNotAccess: "the line is not an access record",
}
