package main

import (
	"math"
	"math/rand/v2"
)

// poisson returns a Poisson distributed number: by inversion for small means, else by
// transformed rejection (W. Hörmann, The transformed rejection method for generating
// Poisson random variables, Insurance: Mathematics and Economics 12, 1993: PTRS).
func poisson(r *rand.Rand, mean float64) float64 {
	if mean <= 0 {
		return 0
	}
	if mean < 10 {
		u, p, k := r.Float64(), math.Exp(-mean), 0.0
		for u > p && k < 1000 {
			u -= p
			k++
			p *= mean / k
		}
		return k
	}
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	alpha := 1.1239 + 1.1328/(b-3.4)
	vr := 0.9277 - 3.6224/(b-2)
	logMean := math.Log(mean)
	for {
		u := r.Float64() - 0.5
		v := r.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + mean + 0.43)
		if us >= 0.07 && v <= vr {
			return k
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		g, _ := math.Lgamma(k + 1)
		if math.Log(v*alpha/(a/(us*us)+b)) <= k*logMean-mean-g {
			return k
		}
	}
}

// visits returns how many visits come where that many are expected: one by one, or in groups of
// three who were sent the same link at once. Its variance is clustered times that of a
// Poisson distributed number, over any length of time.
func visits(r *rand.Rand, mean, clustered float64) float64 {
	const group = 3
	// A part q of the arrivals is a group: (1 + 8q) / (1 + 2q) = clustered.
	q := (clustered - 1) / (group*group - 1 - (group-1)*clustered)
	arrivals := mean / (1 + (group-1)*q)
	return poisson(r, arrivals*(1-q)) + group*poisson(r, arrivals*q)
}

// between returns a number between two, each as likely.
func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

// betweenLog returns a number between two, each magnitude as likely.
func betweenLog(r *rand.Rand, low, high float64) float64 {
	return low * math.Exp(r.Float64()*math.Log(high/low))
}
