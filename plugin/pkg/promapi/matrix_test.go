package promapi

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
)

const answer = `{"status":"success","isPartial":false,"data":{"resultType":"matrix","result":[
{"metric":{"site":"a\u00e9\"","x":""},"values":[[1717372800,"1"],[1717372860.123,"2.5e3"],[1717372920,"NaN"],[1717372980,"-Inf"]]},
{"histograms":[[1,{"count":"1"}]],"metric":{}}]},"warnings":["w"],"stats":{"a":[1,{}]}}`

func TestDecodeMatrix(t *testing.T) {
	m, err := decodeMatrix([]byte(answer))
	want := model.Matrix{
		{Metric: model.Metric{"site": "aé\"", "x": ""}, Values: []model.SamplePair{{Timestamp: 1717372800000, Value: 1}, {Timestamp: 1717372860123, Value: 2500},
			{Timestamp: 1717372920000, Value: model.SampleValue(math.NaN())}, {Timestamp: 1717372980000, Value: model.SampleValue(math.Inf(-1))}}},
		{Metric: model.Metric{}},
	}
	if d := cmp.Diff(want, m, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	for _, c := range []struct{ text, want string }{
		{`{"status":"error","errorType":"execution","error":"too many samples"}`, "execution: too many samples"},
		{`{"status":"error","errorType":"bad_data","error":"x","data":null}`, "bad_data: x"},
		{`{"status":"success","data":{"resultType":"vector","result":[]}}`, errNotMatrix.Message},
		{`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]}}`, errNotMatrix.Message},
		{`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1","1"]]}]}}`, errNotMatrix.Message},
		{`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":1},"values":[]}]}}`, errNotMatrix.Message},
		{`{"status":"success","data":{"resultType":"matrix","result":[`, errNotMatrix.Message},
		{`{"status":"success"}`, errNotMatrix.Message},
		{`null`, errNotMatrix.Message}, {``, errNotMatrix.Message}, {`[]`, errNotMatrix.Message}, {`{}`, errNotMatrix.Message},
	} {
		if m, err := decodeMatrix([]byte(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, %v", c.text, m, err)
		}
	}
}

// FuzzDecodeMatrix holds that nothing is too strange to be read or refused.
func FuzzDecodeMatrix(f *testing.F) {
	f.Add([]byte(answer))
	f.Add([]byte(strings.ReplaceAll(answer, "\n", "")))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := decodeMatrix(text); err != nil && m != nil {
			t.Errorf("both %v and %v", m, err)
		}
	})
}

// FuzzMatrix holds that what was written is read.
func FuzzMatrix(f *testing.F) {
	f.Add("site", "courier.example", int64(1717372800123), 17.5)
	f.Add("\"", "\xff\\\n", int64(0), math.Inf(1))
	f.Fuzz(func(t *testing.T, name, value string, at int64, v float64) {
		at = max(at, -at) % (1 << 42)
		name, value = strings.ToValidUTF8(name, "?"), strings.ToValidUTF8(value, "?")
		want := model.Matrix{{Metric: model.Metric{model.LabelName(name): model.LabelValue(value)}, Values: []model.SamplePair{{Timestamp: model.Time(at), Value: model.SampleValue(v)}}}}
		text, err := json.Marshal(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": want}})
		if err != nil {
			t.Skip(err)
		}
		got, err := decodeMatrix(text)
		if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", text, err, d)
		}
	})
}
