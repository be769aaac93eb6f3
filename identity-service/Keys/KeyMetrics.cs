using System.Diagnostics.Metrics;

namespace AuthMesh.Identity.Keys;

internal sealed class KeyMetrics
{
    private int silentVerifiers;

    public KeyMetrics(KeyRing ring, IMeterFactory meters)
    {
        var meter = meters.Create("AuthMesh.Identity");
        meter.CreateObservableGauge(
            "authmesh.keys.signing.age", () => AgeOf(ring), "s", "How long the current signing key has been signing.");
        meter.CreateObservableGauge(
            "authmesh.keys.verifiers.silent", () => Volatile.Read(ref silentVerifiers), "{verifier}",
            "Verifiers for which a new signing key waits.");
    }

    public void SetSilentVerifiers(int count) => Volatile.Write(ref silentVerifiers, count);

    // No measurement before the ring is open, because an age of zero would be a lie.
    private static Measurement<double>[] AgeOf(KeyRing ring) =>
        ring.IsOpen && ring.SigningSince is { } since ? [new((ring.DatabaseTime - since).TotalSeconds)] : [];
}
