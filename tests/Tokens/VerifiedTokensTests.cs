using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using AuthMesh.Bench.Tokens;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tests.Tokens;

/// <summary>Remembering verified tokens saves work and changes no verdict.</summary>
public sealed class VerifiedTokensTests : IDisposable
{
    private static readonly TimeSpan Instant = TimeSpan.FromMilliseconds(1);

    private readonly FakeTimeProvider clock = new(DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()));
    private readonly Forge forge = new("the key", ECDsa.Create(ECCurve.NamedCurves.nistP256));
    private readonly List<Verifier> verifiers = [];

    [Fact]
    public async Task A_token_is_verified_once_and_accepted_many_times()
    {
        var verifier = NewVerifier();
        var token = Sign();

        for (var i = 0; i < 5; i++)
        {
            Assert.True(await AcceptsAsync(verifier, token));
        }

        Assert.Equal(1, verifier.KeysAskedFor);
        Assert.Equal(1, verifier.Remembered.Count);
    }

    [Theory]
    [InlineData(null, 1)]
    [InlineData(0, 3)]
    public async Task A_token_is_verified_every_time_only_if_the_cache_is_off(int? verifiedTokens, int timesVerified)
    {
        var verifier = NewVerifier(verifiedTokens);
        var token = Sign();

        for (var i = 0; i < 3; i++)
        {
            Assert.True(await AcceptsAsync(verifier, token));
        }

        Assert.Equal(timesVerified, verifier.KeysAskedFor);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0)]
    public async Task A_token_expires_at_the_exact_instant_whether_remembered_or_not(int? verifiedTokens)
    {
        var verifier = NewVerifier(verifiedTokens);
        var token = Sign("exp", clock.GetUtcNow().ToUnixTimeSeconds() + 60);
        Assert.True(await AcceptsAsync(verifier, token));

        clock.Advance(TimeSpan.FromSeconds(60 + 30) - Instant); // 30 s of skew
        Assert.True(await AcceptsAsync(verifier, token));

        clock.Advance(Instant);
        Assert.False(await AcceptsAsync(verifier, token));
    }

    [Theory]
    [InlineData("iat", null)]
    [InlineData("iat", 0)]
    [InlineData("nbf", null)]
    [InlineData("nbf", 0)]
    public async Task A_clock_set_back_makes_a_token_not_yet_valid_whether_remembered_or_not(string claim, int? verifiedTokens)
    {
        var verifier = NewVerifier(verifiedTokens);
        var start = clock.GetUtcNow();
        var token = Sign(claim, start.ToUnixTimeSeconds() + 60);
        clock.Advance(TimeSpan.FromSeconds(60));
        Assert.True(await AcceptsAsync(verifier, token));

        clock.AdjustTime(start + TimeSpan.FromSeconds(60 - 30));
        Assert.True(await AcceptsAsync(verifier, token));

        clock.AdjustTime(start + TimeSpan.FromSeconds(60 - 30) - Instant);
        Assert.False(await AcceptsAsync(verifier, token));
    }

    [Fact]
    public async Task A_remembered_token_is_accepted_only_while_its_key_is_known()
    {
        var verifier = NewVerifier();
        var token = Sign();
        var key = verifier.Find(forge.KeyId);
        Assert.True(await AcceptsAsync(verifier, token));

        verifier.Hold(forge.KeyId, null);
        Assert.False(await AcceptsAsync(verifier, token));

        verifier.Hold(forge.KeyId, key);
        Assert.True(await AcceptsAsync(verifier, token));
    }

    [Fact]
    public async Task A_remembered_token_is_refused_after_another_key_takes_its_key_id()
    {
        var verifier = NewVerifier();
        var token = Sign();
        Assert.True(await AcceptsAsync(verifier, token));

        var newKey = new Forge(forge.KeyId, ECDsa.Create(ECCurve.NamedCurves.nistP256));
        verifier.Hold(forge.KeyId, new ECDsaSecurityKey(newKey.Key) { KeyId = forge.KeyId });

        Assert.False(await AcceptsAsync(verifier, token));
        Assert.True(await AcceptsAsync(verifier, newKey.Sign(newKey.Header(), Forge.Claims())));
    }

    [Fact]
    public async Task A_caching_verifier_judges_thousands_of_changed_tokens_like_one_without_a_cache()
    {
        var report = await Differential.RunAsync(count: 6_000, seed: 20_260_101);

        Assert.Empty(report.Disagreements);
        Assert.True(report.IsSound);
        Assert.Equal(28, report.Kinds.Count());
    }

    public static TheoryData<string> Refused => new()
    {
        "", "junk", "..", "a.b.c", "SIGNATURE", "STRANGER", "AUDIENCE", "ISSUER", "EXPIRED", "FUTURE", "FORM",
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task A_refused_token_is_never_remembered(string what)
    {
        var verifier = NewVerifier();
        var (good, now) = (Sign(), clock.GetUtcNow().ToUnixTimeSeconds());
        var bad = what switch
        {
            "SIGNATURE" => good[..^8] + "AAAAAAAA",
            "STRANGER" => new Forge(forge.KeyId, ECDsa.Create(ECCurve.NamedCurves.nistP256)).Sign(forge.Header(), Forge.Claims()),
            "AUDIENCE" => Sign("aud", "another"),
            "ISSUER" => Sign("iss", "https://another.example.test"),
            "EXPIRED" => Sign("exp", now - 30),
            "FUTURE" => Sign("iat", now + 31),
            "FORM" => Sign("sub", "alice"),
            _ => what,
        };

        Assert.False(await AcceptsAsync(verifier, bad));
        Assert.Equal(0, verifier.Remembered.Count);
        Assert.True(await AcceptsAsync(verifier, good));
        Assert.Equal(1, verifier.Remembered.Count);
    }

    [Fact]
    public async Task A_flood_of_good_tokens_stays_within_the_cache_size()
    {
        const int Room = 100;
        var verifier = NewVerifier(Room);

        for (var i = 0; i < 5 * Room; i++)
        {
            Assert.True(await AcceptsAsync(verifier, Sign()));
            Assert.InRange(verifier.Remembered.Count, 1, Room);
        }
    }

    [Fact]
    public async Task A_flood_of_good_tokens_does_not_evict_a_token_in_use()
    {
        var verifier = NewVerifier(100);
        var inUse = Sign();
        Assert.True(await AcceptsAsync(verifier, inUse));

        for (var i = 0; i < 500; i++)
        {
            Assert.True(await AcceptsAsync(verifier, Sign()));
            Assert.True(await AcceptsAsync(verifier, inUse));
        }

        Assert.Equal(501, verifier.KeysAskedFor);
    }

    [Fact]
    public void A_hundred_thousand_tokens_in_use_are_all_remembered()
    {
        var remembered = new VerifiedTokens(Options.Create(new AuthMeshOptions()), clock);
        var token = NewToken();
        var digests = Enumerable.Range(0, 100_000).Select(i => TokenDigest.Of(i.ToString("d6"))).ToList();
        digests.ForEach(digest => remembered.Add(digest, token));

        for (var round = 0; round < 3; round++)
        {
            Assert.All(digests, digest => Assert.NotNull(remembered.Find(digest)));
        }

        Assert.InRange(remembered.Count, 100_000, 200_000);
    }

    [Fact]
    public async Task An_unused_token_is_forgotten_after_a_while_and_a_used_one_is_kept()
    {
        var verifier = NewVerifier();
        var (inUse, left) = (Sign("exp", FarAhead()), Sign("exp", FarAhead()));
        Assert.True(await AcceptsAsync(verifier, inUse));
        Assert.True(await AcceptsAsync(verifier, left));

        for (var i = 0; i < 3; i++)
        {
            clock.Advance(TimeSpan.FromMinutes(10));
            Assert.True(await AcceptsAsync(verifier, Sign("exp", FarAhead())));
            Assert.True(await AcceptsAsync(verifier, inUse));
        }

        Assert.Equal(5, verifier.KeysAskedFor); // two at first, and a new one each time
        Assert.True(await AcceptsAsync(verifier, left));
        Assert.Equal(6, verifier.KeysAskedFor);
    }

    [Fact]
    public async Task Each_request_gets_its_own_identity()
    {
        var verifier = NewVerifier();
        var token = Sign();

        for (var i = 0; i < 3; i++)
        {
            var identity = await IdentityAsync(verifier, token);
            Assert.Equal("user", Assert.Single(identity.FindAll("role")).Value);
            Assert.All(identity.Claims, claim => Assert.Same(identity, claim.Subject));
            identity.RemoveClaim(identity.FindFirst("sub"));
            identity.AddClaim(new Claim("role", "admin"));
        }
    }

    [Theory]
    [InlineData("epoch", "1")]
    [InlineData("epoch", "5000000000")]
    [InlineData("nbf", "1000000000")]
    [InlineData("role", "\"admin\"")]
    [InlineData("client_id", "\"another client\"")]
    [InlineData("exp", "253402300799")]
    [InlineData("tenant", "\"text\"")]
    [InlineData("tenant", "\"\"")]
    [InlineData("tenant", "7")]
    [InlineData("tenant", "5000000000")]
    [InlineData("tenant", "-1.5")]
    [InlineData("tenant", "true")]
    [InlineData("tenant", "false")]
    [InlineData("tenant", "null")]
    [InlineData("tenant", "[\"a\",1,{\"b\":null}]")]
    [InlineData("tenant", "[]")]
    [InlineData("tenant", "{\"a\":{\"b\":[1]}}")]
    [InlineData("scope", "\"orders.read mesh\"")]
    [InlineData("auth_time", "1700000000")]
    [InlineData("auth_time", "5000000000")]
    [InlineData("acr", "\"aal2\"")]
    [InlineData("amr", "[\"pwd\",\"otp\"]")]
    public async Task The_identity_has_the_claims_that_the_library_reads_from_the_token(string claim, string json)
    {
        var verifier = NewVerifier();
        var token = Sign(claim, JsonNode.Parse(json));

        for (var i = 0; i < 2; i++)
        {
            var identity = await IdentityAsync(verifier, token);
            Assert.Equal(Describe(new JsonWebToken(token).Claims), Describe(identity.Claims));
            Assert.Equal(("Bearer", "sub", "role"), (identity.AuthenticationType, identity.NameClaimType, identity.RoleClaimType));
            Assert.Null(identity.FindFirst("SUB")); // claim names are case-sensitive (RFC 7519 §4)
        }
    }

    /// <summary>
    /// A newer issuer may send claims that a verifier does not know. The verifier reads them in the same pass as its own claims. A second
    /// reader would allocate about 5 KB per token. The cache still serves such a token.
    /// </summary>
    [Theory]
    [InlineData("\"orders.read\"")]
    [InlineData("1700000000")]
    [InlineData("0.5")]
    [InlineData("true")]
    [InlineData("null")]
    [InlineData("[\"pwd\",\"otp\"]")]
    [InlineData("{\"act\":{\"sub\":\"x\"}}")]
    public async Task An_unknown_claim_allocates_little_and_its_token_is_remembered(string json)
    {
        const int Rounds = 50;
        var (forgetful, remembering) = (NewVerifier(0), NewVerifier());
        var (plain, extended) = (Sign(), Sign("later", JsonNode.Parse(json)));

        Assert.True(await AcceptsAsync(remembering, extended));
        Assert.True(await AcceptsAsync(remembering, extended));
        Assert.Equal(1, remembering.KeysAskedFor);
        Assert.InRange(BytesFor(extended) - BytesFor(plain), 0, 1_000);

        long BytesFor(string token)
        {
            Validate(token);
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < Rounds; i++)
            {
                Validate(token);
            }

            return (GC.GetAllocatedBytesForCurrentThread() - before) / Rounds;
        }

        void Validate(string token)
        {
            var verdict = forgetful.ValidateAsync(token);
            Assert.True(verdict.IsCompletedSuccessfully && verdict.Result.IsValid); // on this thread
        }
    }

    public static TheoryData<string> TableOfClaims => [.. AccessTokenClaims.All.Select(claim => claim.Name)];

    [Theory]
    [MemberData(nameof(TableOfClaims))]
    public async Task A_claim_follows_the_tables_rules_for_presence_and_form(string name)
    {
        var verifier = NewVerifier();
        var claim = AccessTokenClaims.All.Single(claim => claim.Name == name);
        string[] wrong = claim.Kind switch
        {
            ClaimKind.Text => ["1", "\"\"", "[\"a\"]", "null", "{}"],
            ClaimKind.Id => ["1", "\"alice\"", "\"ABCDEF00-0000-4000-8000-000000000000\"", "null"],
            ClaimKind.Instant => ["\"1\"", "-1", "0.5", "253402300800", "null"],
            _ => ["\"1\"", "-1", "0.5", "null"],
        };

        Assert.True(await AcceptsAsync(verifier, Sign()));
        var without = forge.Sign(forge.Header().ToJsonString(), Forge.Without(Forge.Claims(), name));
        // A token without scopes needs a name and a role: ScopeTests has the table.
        Assert.Equal(
            !claim.IsRequired && name is not (AccessTokenClaims.Role or AccessTokenClaims.PreferredUsername),
            await AcceptsAsync(verifier, without));
        foreach (var json in wrong)
        {
            Assert.False(await AcceptsAsync(verifier, Sign(name, JsonNode.Parse(json))), json);
        }
    }

    [Fact]
    public async Task The_order_of_claims_does_not_matter()
    {
        var reversed = new JsonObject(Forge.Claims().Reverse().Select(claim => KeyValuePair.Create(claim.Key, claim.Value?.DeepClone())));

        Assert.True(await AcceptsAsync(NewVerifier(), forge.Sign(forge.Header(), reversed)));
    }

    [Fact]
    public void A_token_without_a_required_claim_is_not_minted()
    {
        var complete = new TokenContent
        {
            Issuer = "a", Audience = "b", Subject = Guid.NewGuid(), ClientId = "c", Id = "d", SessionId = Guid.NewGuid(), Epoch = 0,
            Username = "e", Email = "i", IsEmailVerified = true, Role = "f", Scope = "mesh", ClientEpoch = 0, IssuedAt = 1, ExpiresAt = 2,
            AuthenticatedAt = 1, Assurance = "g", Methods = ["h"],
        };
        Assert.Equal(AccessTokenClaims.All.Where(claim => claim.Source is not null).Select(claim => claim.Name), complete.Write().Keys);

        Assert.Throws<InvalidOperationException>(() => (complete with { Username = null }).Write());
        Assert.Throws<InvalidOperationException>(() => (complete with { Role = null }).Write());
        Assert.Throws<InvalidOperationException>(() => (complete with { Scope = "orders.read" }).Write());
        Assert.Throws<InvalidOperationException>(() => (complete with { Role = null, Scope = null }).Write());
    }

    [Fact]
    public async Task Concurrent_verification_gives_the_same_verdicts_as_sequential()
    {
        const int Room = 20;
        var verifier = NewVerifier(Room);
        var good = Enumerable.Range(0, 2 * Room).Select(_ => Sign()).ToList();
        var bad = good.ConvertAll(token => token[..^8] + "AAAAAAAA");

        await Parallel.ForAsync(0, 8, TestContext.Current.CancellationToken, async (worker, _) =>
        {
            for (var i = 0; i < 500; i++)
            {
                var which = (worker + (i * 7)) % good.Count;
                Assert.True(await AcceptsAsync(verifier, good[which]));
                Assert.False(await AcceptsAsync(verifier, bad[which]));
                Assert.InRange(verifier.Remembered.Count, 0, Room);
            }
        });

        verifier.Hold(forge.KeyId, null);
        await Parallel.ForEachAsync(good, async (token, _) => Assert.False(await AcceptsAsync(verifier, token)));
    }

    [Fact]
    public void Concurrent_additions_never_exceed_the_cache_size()
    {
        const int Room = 2;
        var remembered = new VerifiedTokens(Options.Create(new AuthMeshOptions { VerifiedTokens = Room }), clock);
        var token = NewToken();
        var most = 0;

        Parallel.For(0, 8, worker =>
        {
            for (ulong i = 0; i < 20_000; i++)
            {
                remembered.Add(new TokenDigest((ulong)worker, i, 0, 0), token);
                most = Math.Max(most, remembered.Count);
            }
        });

        Assert.InRange(most, 1, Room);
    }

    public void Dispose() => verifiers.ForEach(verifier => verifier.Dispose());

    private Verifier NewVerifier(int? verifiedTokens = null)
    {
        var verifier = new Verifier(clock, verifiedTokens);
        verifier.Hold(forge.KeyId, new ECDsaSecurityKey(forge.Key) { KeyId = forge.KeyId });
        verifiers.Add(verifier);
        return verifier;
    }

    private VerifiedToken NewToken()
    {
        var text = Sign();
        Assert.Null(TokenShape.FindFault(text, out _, out var content));
        return new VerifiedToken(content, new ECDsaSecurityKey(forge.Key), new AuthMeshOptions());
    }

    private string Sign() => forge.Sign(forge.Header(), Forge.Claims());

    private string Sign(string claim, JsonNode? value) =>
        forge.Sign(forge.Header().ToJsonString(), Forge.With(Forge.Claims(), claim, value));

    private long FarAhead() => clock.GetUtcNow().ToUnixTimeSeconds() + 7_200;

    private static async Task<bool> AcceptsAsync(Verifier verifier, string token) => (await verifier.ValidateAsync(token)).IsValid;

    private static async Task<ClaimsIdentity> IdentityAsync(Verifier verifier, string token)
    {
        var result = await verifier.ValidateAsync(token);
        Assert.True(result.IsValid);
        return result.ClaimsIdentity;
    }

    private static IEnumerable<string> Describe(IEnumerable<Claim> claims) =>
        claims.Select(claim => $"{claim.Type} {claim.Value} {claim.ValueType} {claim.Issuer} {claim.OriginalIssuer}")
        .Order(StringComparer.Ordinal);
}
