using System.Diagnostics;
using Bcrypt = BCrypt.Net.BCrypt;

namespace AuthMesh.Bench.Flood;

/// <summary>Measures how long one hash takes at the moment, with every core hashing.</summary>
internal static class HashSpeed
{
    public const int Cost = 12;

    public static async Task<TimeSpan> MeasureAsync(int hashesPerCore = 8)
    {
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Task.Factory.StartNew(
            () =>
            {
                for (var i = 0; i < hashesPerCore; i++)
                {
                    Bcrypt.HashPassword("a password for a benchmark", Cost);
                }
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        return Stopwatch.GetElapsedTime(start) / hashesPerCore;
    }
}
