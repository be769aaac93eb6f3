using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Identity.Keys;
using Microsoft.Extensions.Options;
using Bcrypt = BCrypt.Net.BCrypt;

namespace AuthMesh.Identity.Passwords;

/// <summary>
/// bcrypt over base64(HMAC-SHA-384(pepper, password)), as the OWASP Password Storage Cheat Sheet describes it. bcrypt reads at most 72
/// bytes and mishandles NUL; 64 characters of base64 avoid both problems. Without the pepper, a stolen table does not help to guess
/// passwords.
/// </summary>
internal sealed class PasswordHashing
{
    private readonly KeyRing ring;
    private readonly int workFactor;
    private readonly StoredHash nobodys;
    private readonly Counter<long> rounds;
    private readonly Counter<long> guesses;

    public PasswordHashing(KeyRing ring, IOptions<HashingOptions> options, IMeterFactory meters)
    {
        this.ring = ring;
        workFactor = options.Value.WorkFactor;
        // A well-formed hash that matches no password. Checking against it costs as much as checking against a user's hash.
        nobodys = new StoredHash(null, Bcrypt.GenerateSalt(workFactor) + new string('.', 31), workFactor);
        var meter = meters.Create("AuthMesh.Identity");
        rounds = meter.CreateCounter<long>(
            "authmesh.password.rounds", "{round}", "bcrypt rounds spent on passwords, 2^cost for each hash.");
        guesses = meter.CreateCounter<long>("authmesh.password.guesses", "{guess}", "Passwords checked, right or wrong.");
    }

    /// <returns>The text to store, or null if the wait in the lane was too long.</returns>
    public Task<string?> HashAsync(HashingPlace place, string password) => place.RunAsync(() => Hash(password));

    /// <summary>Checks a password. Every outcome costs the same.</summary>
    /// <param name="place">The caller's place in the lane.</param>
    /// <param name="password">As typed.</param>
    /// <param name="stored">The user's hash, or null if no such user exists.</param>
    /// <returns>The verdict, or null if the wait in the lane was too long.</returns>
    public Task<PasswordVerdict?> VerifyAsync(HashingPlace place, string password, string? stored) => place.RunAsync(() =>
    {
        guesses.Add(1);
        return Verify(password, stored);
    });

    /// <summary>Hashes immediately, without the lane: for startup and commands, where no callers wait.</summary>
    /// <returns>The text to store.</returns>
    public string Hash(string password)
    {
        var (pepperId, pepper) = ring.CurrentPepper;
        Count(workFactor);
        return StoredHash.Create(pepperId, Bcrypt.HashPassword(Key(pepper, password), workFactor)).ToString();
    }

    private PasswordVerdict Verify(string password, string? stored)
    {
        var hash = stored is null ? null : StoredHash.TryParse(stored);
        var pepper = hash?.PepperId is { } pepperId ? ring.FindPepper(pepperId) : null;
        if (stored is not null && (hash is null || (hash.PepperId is not null && pepper is null)))
        {
            return Refuse(password, hash is null ? "its form is unknown" : "its pepper is not in the ring");
        }

        hash ??= nobodys;
        bool isMatch;
        try
        {
            isMatch = Bcrypt.Verify(pepper is null ? password : Key(pepper, password), hash.Bcrypt)
                && hash != nobodys && !IsAliasOfAnother(password, hash);
        }
        // bcrypt throws two kinds of exception for text that only looks like a bcrypt hash.
        catch (Exception exception) when (exception is ArgumentException or global::BCrypt.Net.SaltParseException)
        {
            return Refuse(password, "bcrypt cannot read it");
        }

        Count(hash.WorkFactor);
        if (isMatch)
        {
            var isOutdated = hash.PepperId != ring.CurrentPepper.Id || hash.WorkFactor != workFactor;
            return new PasswordVerdict(true, isOutdated && !IsCut(password, hash));
        }

        TopUp(hash.WorkFactor);
        return new PasswordVerdict(false, false);
    }

    // Plain bcrypt repeats the password with a NUL after it until it has 72 bytes, so "abc" and "abc\0abc" have the same hash.
    private static bool IsAliasOfAnother(string password, StoredHash hash) => hash.PepperId is null
        && password.Contains('\0', StringComparison.Ordinal);

    // Plain bcrypt reads 72 bytes. It does not check the rest, so the rest must not become part of a new hash.
    private static bool IsCut(string password, StoredHash hash) => hash.PepperId is null && Encoding.UTF8.GetByteCount(password) > 72;

    // An unusable hash costs as much as any other.
    private PasswordVerdict Refuse(string password, string fault) => Verify(password, stored: null) with { Fault = fault };

    /// <summary>Spends the rounds that a cheaper hash saved, so that timing does not reveal it: 2^n + … + 2^(m-1) = 2^m - 2^n.</summary>
    private void TopUp(int spentWorkFactor)
    {
        for (var missing = spentWorkFactor; missing < workFactor; missing++)
        {
            Count(missing);
            _ = Bcrypt.HashPassword("", missing);
        }
    }

    private void Count(int cost) => rounds.Add(1L << cost);

    private static string Key(byte[] pepper, string password) =>
        Convert.ToBase64String(HMACSHA384.HashData(pepper, Encoding.UTF8.GetBytes(password)));
}

/// <param name="IsMatch">Whether it is the user's password.</param>
/// <param name="IsOutdated">Whether the matching hash has an older scheme, pepper or cost, and a new hash can replace it.</param>
internal sealed record PasswordVerdict(bool IsMatch, bool IsOutdated)
{
    /// <summary>Why the stored hash is unusable, which keeps its user from signing in; null if it is usable.</summary>
    public string? Fault { get; init; }
}
