using System.Runtime.InteropServices;
using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Flood;
using Bcrypt = BCrypt.Net.BCrypt;

namespace AuthMesh.Bench.Passwords;

/// <summary>Compares one hash with one of libxcrypt, the C library behind the system's own passwords. Both give the same text.</summary>
internal static partial class HashTime
{
    private const string Password = "a password for a benchmark";

    public static Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation)
    {
        var salt = Bcrypt.GenerateSalt(HashSpeed.Cost, 'b');
        if (Bcrypt.HashPassword(Password, salt) != HashByLibxcrypt(salt))
        {
            throw new InvalidOperationException("BCrypt.Net and libxcrypt give different hashes.");
        }

        var (ours, theirs) = (new List<double>(), new List<double>());
        for (var round = 0; round < plan.Rounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            ours.Add(CpuTimeOf(() => Bcrypt.HashPassword(Password, salt)));
            theirs.Add(CpuTimeOf(() => HashByLibxcrypt(salt)));
        }

        return Task.FromResult<IReadOnlyList<Row>>(
        [
            new Row(
                $"one hash at cost {HashSpeed.Cost}, processor time", "libxcrypt's bcrypt",
                [.. ours.Zip(theirs, (own, others) => own / others)], Targets.None)
            {
                Figures = FormattableString.Invariant($"{Row.Median(ours):0} ms | {Row.Median(theirs):0} ms"),
            },
        ]);
    }

    private static double CpuTimeOf(Action hash)
    {
        var before = Environment.CpuUsage.TotalTime;
        hash();
        return (Environment.CpuUsage.TotalTime - before).TotalMilliseconds;
    }

    private static string? HashByLibxcrypt(string salt) => Marshal.PtrToStringUTF8(Crypt(Password, salt));

    // crypt(3) returns static memory that the next call overwrites, so only one thread may call it.
    [LibraryImport("libcrypt.so.1", EntryPoint = "crypt", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Crypt(string key, string setting);
}
