using System.Diagnostics.Metrics;

namespace AuthMesh.Identity.OpenId.BackchannelLogout;

internal sealed class LogoutMetrics
{
    private readonly Counter<long> tries;

    public LogoutMetrics(IMeterFactory meters)
    {
        tries = meters.Create("AuthMesh.Identity").CreateCounter<long>(
            "authmesh.logouts.tries", "{try}", "Tries to tell an application of the end of a session, by result.");
        foreach (var result in (string[])["delivered", "postponed", "given_up"]) // so that an alert sees the increase by the first one
        {
            tries.Add(0, Result(result));
        }
    }

    public void Count(LogoutOutcome outcome) =>
        tries.Add(1, Result(outcome.Failure is null ? "delivered" : outcome.IsOver ? "given_up" : "postponed"));

    private static KeyValuePair<string, object?> Result(string result) => new KeyValuePair<string, object?>("result", result);
}
