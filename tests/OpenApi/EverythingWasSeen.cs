namespace AuthMesh.Tests.OpenApi;

/// <summary>
/// Fails a run of the whole suite in which no test saw an answer, a header or a member that the OpenAPI documents name. Runs of chosen
/// tests see less, so test.sh says which runs are whole.
/// </summary>
public sealed class EverythingWasSeen : IDisposable
{
    public void Dispose()
    {
        if (Environment.GetEnvironmentVariable("AUTHMESH_WHOLE_SUITE") == "true" && Contract.Missing is { Count: > 0 } missing)
        {
            throw new InvalidOperationException(
                $"Documented, and seen by no test:{string.Concat(missing.Select(name => $"\n  {name}"))}");
        }
    }
}
