using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Identity.Keys;
using Microsoft.Extensions.Options;
using Bcrypt = BCrypt.Net.BCrypt;

namespace AuthMesh.Identity.Passwords;

/// <summary>
/// bcrypt over base64(HMAC-SHA-384(pepper, password)), as the OWASP Password Storage Cheat Sheet describes it: bcrypt reads no more
/// than 72 bytes and stumbles over NUL, 64 characters of base64 have neither problem, and without the pepper a stolen table cannot
/// be guessed at.
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
        // Right in form and equal to nothing: checking against it costs what checking against a user's hash costs.
        nobodys = new StoredHash(null, Bcrypt.GenerateSalt(workFactor) + new string('.', 31), workFactor);
        var meter = meters.Create("AuthMesh.Identity");
        rounds = meter.CreateCounter<long>(
            "authmesh.password.rounds", "{round}", "bcrypt rounds spent on passwords, 2^cost for each hash.");
        guesses = meter.CreateCounter<long>("authmesh.password.guesses", "{guess}", "Passwords checked, right or wrong.");
    }

    /// <returns>The text to store, or null where the wait in the lane would be too long.</returns>
    public Task<string?> HashAsync(HashingPlace place, string password) => place.RunAsync(() => Hash(password));

    /// <summary>Checks a password, at the same cost whatever the outcome.</summary>
    /// <param name="place">Whoever checks one stands in the lane.</param>
    /// <param name="password">As typed.</param>
    /// <param name="stored">The user's hash, or null where there is no such user.</param>
    /// <returns>The verdict, or null where the wait in the lane would be too long.</returns>
    public Task<PasswordVerdict?> VerifyAsync(HashingPlace place, string password, string? stored) => place.RunAsync(() =>
    {
        guesses.Add(1);
        return Verify(password, stored);
    });

    /// <summary>Hashes here and now, for the start and for commands, where nobody stands in line.</summary>
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
        // Two kinds of exception for text that is no bcrypt hash behind a form that looked like one.
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

    // Plain bcrypt repeats the password behind a NUL until it has 72 bytes, so "abc" and "abc\0abc" have one hash.
    private static bool IsAliasOfAnother(string password, StoredHash hash) => hash.PepperId is null
        && password.Contains('\0', StringComparison.Ordinal);

    // Plain bcrypt reads 72 bytes. What was typed behind them was not checked, so it must not become part of a new hash.
    private static bool IsCut(string password, StoredHash hash) => hash.PepperId is null && Encoding.UTF8.GetByteCount(password) > 72;

    // A hash that cannot be used costs what any other does.
    private PasswordVerdict Refuse(string password, string fault) => Verify(password, stored: null) with { Fault = fault };

    /// <summary>Spends what a cheaper hash saved, so that time does not tell it from today's: 2^n + … + 2^(m-1) = 2^m - 2^n.</summary>
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
/// <param name="IsOutdated">Whether the hash that matched is of an older scheme, pepper or cost and can be replaced by a new one.</param>
internal sealed record PasswordVerdict(bool IsMatch, bool IsOutdated)
{
    /// <summary>Why the stored hash could not be used at all, so that its user cannot sign in; null where it could.</summary>
    public string? Fault { get; init; }
}
