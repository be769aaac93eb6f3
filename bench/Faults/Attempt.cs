namespace AuthMesh.Bench.Faults;

/// <param name="Call">Such as `GET /protected`.</param>
/// <param name="Answered">The time since the start of the load.</param>
/// <param name="Status">0 if no answer came.</param>
internal readonly record struct Attempt(string Call, TimeSpan Answered, int Status)
{
    public bool HasFailed => Status != 200;

    public string Result => Status == 0 ? "no answer" : $"{Status}";
}
