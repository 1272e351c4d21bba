package accesslog
import ("testing";"time";"sort";"fmt")
func TestZRatio(t *testing.T) {
	b := &testing.B{}
	all, _ := benchLog(b)
	f, _ := Compile("combined")
	p := f.NewParser()
	var r Request
	var fl [9][]byte
	var ratios, ps, ss []float64
	for range 60 {
		t0 := time.Now()
		for _, l := range all { p.Parse(l, &r) }
		t1 := time.Now()
		for _, l := range all { splitCombined(l, &fl) }
		t2 := time.Now()
		a, c := float64(t1.Sub(t0))/float64(len(all)), float64(t2.Sub(t1))/float64(len(all))
		ratios = append(ratios, a/c); ps = append(ps, a); ss = append(ss, c)
	}
	sort.Float64s(ratios); sort.Float64s(ps); sort.Float64s(ss)
	fmt.Printf("ratio med %.2f (q1 %.2f q3 %.2f)  parse min %.0f med %.0f  split min %.0f med %.0f\n", ratios[30], ratios[15], ratios[45], ps[0], ps[30], ss[0], ss[30])
}
