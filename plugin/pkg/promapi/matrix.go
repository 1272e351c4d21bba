package promapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unsafe"

	jsoniter "github.com/json-iterator/go"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// queryRange asks for a matrix. client_golang reads such an answer three times over, which
// is most of what the plugin does: this reads it once.
func (c *Client) queryRange(ctx context.Context, expr string, from, to time.Time, step time.Duration) (model.Matrix, error) {
	form := url.Values{
		"query": {expr}, "start": {seconds(from)}, "end": {seconds(to)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	}.Encode()
	u := c.caller.URL("/api/v1/query_range", nil)
	req, err := http.NewRequest(http.MethodPost, u.String(), strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	// A query changes nothing: it may be sent again where a connection was just closed.
	req.Header["Idempotency-Key"] = nil
	resp, body, err := c.caller.Do(ctx, req)
	if resp != nil && (resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusMethodNotAllowed || resp.StatusCode == http.StatusNotImplemented) {
		// Some proxies let nothing but GET through.
		u.RawQuery = form
		if req, err = http.NewRequest(http.MethodGet, u.String(), nil); err != nil {
			return nil, err
		}
		resp, body, err = c.caller.Do(ctx, req)
	}
	if err != nil {
		return nil, err
	}
	if err := fromStatus(resp.StatusCode, string(body)); err != nil {
		return nil, err
	}
	return decodeMatrix(body)
}

func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
}

var errNotMatrix = &Error{Kind: NotPrometheus, Message: "The server's answer is not what Prometheus answers: check the data source's URL."}

// decodeMatrix reads the answer to a range query. Native histograms are left out: counters
// have none.
func decodeMatrix(body []byte) (m model.Matrix, err error) {
	it := jsoniter.ConfigFastest.BorrowIterator(body)
	defer jsoniter.ConfigFastest.ReturnIterator(it)
	if it.WhatIsNext() != jsoniter.ObjectValue {
		return nil, errNotMatrix
	}
	var status, kind string
	failure := &v1.Error{}
	for field := it.ReadObject(); field != ""; field = it.ReadObject() {
		switch field {
		case "status":
			status = it.ReadString()
		case "errorType":
			failure.Type = v1.ErrorType(it.ReadString())
		case "error":
			failure.Msg = it.ReadString()
		case "data":
			kind, m, err = readData(it)
		default:
			it.Skip()
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case it.Error != nil && it.Error != io.EOF:
		return nil, errNotMatrix
	case status == "error":
		return nil, failure
	case status != "success" || kind != "matrix":
		return nil, errNotMatrix
	}
	return m, nil
}

func readData(it *jsoniter.Iterator) (kind string, m model.Matrix, err error) {
	if it.WhatIsNext() != jsoniter.ObjectValue {
		it.Skip()
		return "", nil, nil
	}
	for field := it.ReadObject(); field != ""; field = it.ReadObject() {
		switch field {
		case "resultType":
			kind = it.ReadString()
		case "result":
			for it.ReadArray() {
				if len(m) >= maxSeries {
					return "", nil, &Error{Kind: TooLarge, Message: fmt.Sprintf("The answer has more than the %d series that are shown: set a filter, such as one site.", maxSeries)}
				}
				expected := 0
				if len(m) > 0 {
					expected = len(m[len(m)-1].Values)
				}
				m = append(m, readSeries(it, expected))
			}
		default:
			it.Skip()
		}
	}
	return kind, m, nil
}

// readSeries reads a series of about as many values as are expected: those of an answer are
// mostly as long as one another.
func readSeries(it *jsoniter.Iterator, expected int) *model.SampleStream {
	s := &model.SampleStream{Metric: model.Metric{}}
	if it.WhatIsNext() != jsoniter.ObjectValue {
		it.Skip()
		return s
	}
	for field := it.ReadObject(); field != ""; field = it.ReadObject() {
		switch field {
		case "metric":
			it.ReadMapCB(func(it *jsoniter.Iterator, name string) bool {
				s.Metric[model.LabelName(name)] = model.LabelValue(it.ReadString())
				return true
			})
		case "values":
			s.Values = make([]model.SamplePair, 0, expected)
			for it.ReadArray() {
				s.Values = append(s.Values, readPair(it))
			}
		default:
			it.Skip()
		}
	}
	return s
}

// readPair reads [seconds, "value"].
func readPair(it *jsoniter.Iterator) (p model.SamplePair) {
	if !it.ReadArray() {
		it.ReportError("readPair", "no time")
		return p
	}
	p.Timestamp = model.TimeFromUnixNano(int64(it.ReadFloat64()*1000+0.5) * int64(time.Millisecond))
	if !it.ReadArray() {
		it.ReportError("readPair", "no value")
		return p
	}
	// ParseFloat keeps its text in errors only, and this one's goes no further.
	text := it.ReadStringAsSlice()
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	if err != nil {
		it.ReportError("readPair", "no number")
	}
	p.Value = model.SampleValue(v)
	if it.ReadArray() {
		it.ReportError("readPair", "more than a time and a value")
	}
	return p
}
