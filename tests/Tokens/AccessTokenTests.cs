using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Tokens;

/// <summary>Sends forged tokens to the gateway and to the resource service. Each row changes one part of an accepted token.</summary>
public sealed class AccessTokenTests(ProductionMesh mesh)
{
    [Fact]
    public async Task The_unchanged_token_is_accepted()
    {
        var token = mesh.Forge.Sign(mesh.Forge.Header(), Forge.Claims());

        foreach (var verifier in new[] { mesh.Gateway, mesh.Resource })
        {
            var answer = await verifier.GetAsync("/protected", token);
            Assert.Equal(200, answer.Status);
            Assert.Equal("You are viewing protected content, forged!", answer.Message);
        }
    }

    public static TheoryData<string, string?> Headers => new()
    {
        { "alg", "\"none\"" }, { "alg", "\"None\"" }, { "alg", "\"NONE\"" }, { "alg", "\"nOnE\"" }, { "alg", "\"\"" }, { "alg", null },
        { "alg", "\"HS256\"" }, { "alg", "\"ES384\"" }, { "alg", "\"ES256K\"" }, { "alg", "\"RS256\"" }, { "alg", "\"es256\"" },
        { "alg", "[\"ES256\"]" },
        { "typ", "\"JWT\"" }, { "typ", "\"at+JWT\"" }, { "typ", "\"dpop+jwt\"" }, { "typ", "\"logout+jwt\"" }, { "typ", null },
        { "typ", "1" },
        { "kid", null }, { "kid", "\"\"" }, { "kid", "\"no such key\"" }, { "kid", "\"../../dev/null\"" }, { "kid", "\"' OR 1=1 --\"" },
        { "kid", "1" }, { "kid", "\"\\ud800\"" },
        { "crit", "[\"exp\"]" }, { "crit", "[]" }, { "b64", "false" }, { "zip", "\"DEF\"" }, { "cty", "\"JWT\"" }, { "enc", "\"A128GCM\"" },
        { "jwk", """{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}""" }, { "x5c", "[\"MIIB\"]" }, { "x5t", "\"AA\"" }, { "unknown", "1" },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public async Task A_token_with_a_wrong_header_is_refused(string name, string? json) =>
        await AssertRefusedAsync(mesh.Forge.Sign(Change(mesh.Forge.Header(), name, json), Forge.Claims().ToJsonString()));

    public static TheoryData<string, string?> ClaimChanges => new()
    {
        { "iss", null }, { "iss", "\"\"" }, { "iss", "\"https://auth.example.test/\"" }, { "iss", "\"https://AUTH.example.test\"" },
            { "iss", "\"http://auth.example.test\"" },
        { "iss", "[\"https://auth.example.test\"]" }, { "iss", "\"https://evil.example\"" },
        { "aud", null }, { "aud", "\"\"" }, { "aud", "\"authmesh/\"" }, { "aud", "\"Authmesh\"" }, { "aud", "\"other\"" }, { "aud", "[]" },
            { "aud", "[\"other\"]" },
        { "sub", null }, { "sub", "\"\"" }, { "sub", "null" }, { "sub", "1" }, { "sub", "\"\\ud800\"" },
        { "sub", "\"alice\"" }, { "sub", "\"ABCDEF00-0000-4000-8000-000000000000\"" }, { "sub", "\"abcdef00000040008000000000000000\"" },
        { "sid", "\"a session\"" }, { "sid", "\"{abcdef00-0000-4000-8000-000000000000}\"" },
        { "sid", "\" abcdef00-0000-4000-8000-000000000000\"" },
        { "client_id", null }, { "jti", null }, { "sid", null }, { "sid", "1" }, { "preferred_username", null }, { "role", null },
        { "role", "[\"admin\"]" },
        { "epoch", null }, { "epoch", "\"0\"" }, { "epoch", "-1" }, { "epoch", "0.5" }, { "epoch", "1e99" },
        { "exp", null }, { "exp", "\"9999999999\"" }, { "exp", "-1" }, { "exp", "0" }, { "exp", "1e400" },
        { "exp", "99999999999999999999" }, { "exp", "253402300800" },
        { "exp", "NOW-31" }, { "exp", "NOW-3600" },
        { "iat", null }, { "iat", "\"1000000000\"" }, { "iat", "NOW+35" }, { "iat", "NOW+120" },
        { "auth_time", "\"1700000000\"" }, { "auth_time", "-1" }, { "auth_time", "null" }, { "auth_time", "1e99" },
        { "acr", "2" }, { "acr", "\"\"" }, { "acr", "[\"aal2\"]" }, { "acr", "null" },
        { "amr", "\"pwd\"" }, { "amr", "[]" }, { "amr", "[1]" }, { "amr", "[\"\"]" }, { "amr", "[\"pwd\",null]" }, { "amr", "null" },
        { "amr", "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"]" },
        { "nbf", "NOW+120" }, { "nbf", "\"soon\"" }, { "nbf", "null" }, { "nbf", "\"0\"" },
    };

    [Theory]
    [MemberData(nameof(ClaimChanges))]
    public async Task A_token_with_a_missing_or_wrong_claim_is_refused(string name, string? json) =>
        await AssertRefusedAsync(mesh.Forge.Sign(mesh.Forge.Header().ToJsonString(), Change(Forge.Claims(), name, json)));

    [Theory]
    [InlineData("exp", 60)]
    [InlineData("exp", -20)] // for a verifier that is 20 s ahead
    [InlineData("iat", -60)]
    [InlineData("iat", 20)] // for a verifier that is 20 s behind
    [InlineData("nbf", -60)]
    public async Task Valid_times_and_times_within_the_clock_skew_are_accepted(string name, int secondsFromNow)
    {
        var token = mesh.Forge.Sign(mesh.Forge.Header().ToJsonString(), Forge.With(Forge.Claims(), name, SecondsNow() + secondsFromNow));

        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", token)).Status);
    }

    [Theory]
    [InlineData("sub")]
    [InlineData("sid")]
    public async Task A_lowercase_hyphenated_id_is_accepted(string name)
    {
        var token = mesh.Forge.Sign(
            mesh.Forge.Header().ToJsonString(), Forge.With(Forge.Claims(), name, "abcdef00-0000-4000-8000-000000000000"));

        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", token)).Status);
    }

    [Fact]
    public async Task A_token_that_was_accepted_before_still_expires()
    {
        var claims = Forge.With(Forge.Claims(), "exp", SecondsNow() - 27); // 30 s of skew are allowed
        var token = mesh.Forge.Sign(mesh.Forge.Header().ToJsonString(), claims);
        foreach (var verifier in new[] { mesh.Gateway, mesh.Resource })
        {
            Assert.Equal(200, (await verifier.GetAsync("/protected", token)).Status);
        }

        foreach (var verifier in new[] { mesh.Gateway, mesh.Resource })
        {
            await Patience.UntilAsync(async () => (await verifier.GetAsync("/protected", token)).Status == 401);
        }
    }

    [Theory]
    [InlineData("""{"alg":"ES256","typ":"at+jwt","kid":"KID"}""", """{"role":"user","role":"admin",REST}""")]
    [InlineData("""{"alg":"ES256","typ":"at+jwt","kid":"KID"}""", """{"role":"user","\u0072ole":"admin",REST}""")]
    [InlineData("""{"alg":"ES256","typ":"at+jwt","kid":"KID","kid":"KID"}""", """{REST}""")]
    [InlineData("""{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"KID"}""", """{REST}""")]
    [InlineData("""{"alg":"ES256","typ":"at+jwt","kid":"KID"} """, """[{REST}]""")]
    [InlineData("""{"alg":"ES256","typ":"at+jwt","kid":"KID"}""", """{REST} {}""")]
    [InlineData("""["ES256"]""", """{REST}""")]
    public async Task Duplicate_members_and_JSON_other_than_one_object_are_refused(string header, string claims)
    {
        var rest = Forge.Claims().ToJsonString().Trim('{', '}');
        await AssertRefusedAsync(mesh.Forge.Sign(
            header.Replace("KID", mesh.Forge.KeyId, StringComparison.Ordinal), claims.Replace("REST", rest, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task An_HMAC_with_an_empty_or_public_secret_is_refused()
    {
        var publicKey = mesh.Forge.Key.ExportSubjectPublicKeyInfo();
        byte[][] secrets =
        [
            [], publicKey, Encoding.ASCII.GetBytes(mesh.Forge.Key.ExportSubjectPublicKeyInfoPem()),
            Encoding.ASCII.GetBytes(mesh.Forge.Key.ExportSubjectPublicKeyInfoPem() + "\n"),
            Encoding.ASCII.GetBytes(Convert.ToBase64String(publicKey)),
            mesh.Forge.Key.ExportParameters(false).Q.X!,
            Encoding.UTF8.GetBytes((await mesh.Gateway.GetAsync("/.well-known/jwks.json")).Text),
        ];
        foreach (var algorithm in new[] { "HS256", "ES256" })
        {
            var signed = Forge.Encode(Forge.With(mesh.Forge.Header(), "alg", algorithm)) + "." + Forge.Encode(
                Forge.Claims().ToJsonString());
            foreach (var secret in secrets)
            {
                await AssertRefusedAsync(
                    signed + "." + Base64Url.EncodeToString(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(signed))));
            }
        }
    }

    [Fact]
    public async Task A_foreign_key_is_refused_under_its_own_key_id_and_under_ours()
    {
        using var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await AssertRefusedAsync(new Forge(mesh.Forge.KeyId, foreign).Sign(mesh.Forge.Header(), Forge.Claims()));
        await AssertRefusedAsync(new Forge("foreign", foreign).Sign(new Forge("foreign", foreign).Header(), Forge.Claims()));
    }

    [Fact]
    public async Task Signatures_that_are_zero_missized_or_in_DER_are_refused()
    {
        var good = mesh.Forge.Sign(mesh.Forge.Header(), Forge.Claims());
        var signed = good[..good.LastIndexOf('.')];
        var signature = Base64Url.DecodeFromChars(good[(signed.Length + 1)..]);
        var der = mesh.Forge.Key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        byte[][] bad =
            [new byte[64], [], [0], signature[..63], [.. signature, 0], [.. signature, .. signature], der,
                [.. Enumerable.Repeat((byte)0xff, 64)]];

        foreach (var wrong in bad)
        {
            await AssertRefusedAsync(signed + "." + Base64Url.EncodeToString(wrong));
        }

        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", good)).Status);
    }

    [Fact]
    public async Task Noncanonical_base64url_and_wrong_part_counts_are_refused()
    {
        var good = mesh.Forge.Sign(mesh.Forge.Header(), Forge.Claims());
        var parts = good.Split('.');
        string[] bad =
        [
            good + "=", good + "==", $"{parts[0]}=.{parts[1]}.{parts[2]}", $"{parts[0]}.{parts[1]}==.{parts[2]}", good + ".", "." + good,
            good + "." + parts[2],
            $"{good}.{parts[1]}.{parts[2]}", $"{parts[0]}.{parts[1]}", $"{parts[0]}..{parts[2]}", $"{parts[0]}.{parts[1]}.", $"..",
            good.Insert(10, "%20"), good + "%3D",
            $"{parts[0]}.{parts[1]}.{parts[2][..^1]}{NextInAlphabet(parts[2][^1])}", // the same 64 bytes with other left-over bits
        ];

        foreach (var token in bad)
        {
            await AssertRefusedAsync(token);
        }
    }

    [Fact]
    public async Task A_token_with_any_one_character_changed_is_refused()
    {
        var good = mesh.Forge.Sign(mesh.Forge.Header(), Forge.Claims());
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", good)).Status);

        await Parallel.ForEachAsync(
            Enumerable.Range(0, good.Length).Where(i => good[i] != '.'), TestContext.Current.CancellationToken, async (i, _) =>
        {
            var flipped = good[..i] + NextInAlphabet(good[i]) + good[(i + 1)..];
            Assert.Equal(401, (await mesh.Resource.GetAsync("/protected", flipped)).Status);
        });
    }

    [Fact]
    public async Task A_token_over_eight_kilobytes_is_refused()
    {
        var long1 = mesh.Forge.Sign(mesh.Forge.Header().ToJsonString(), Forge.With(Forge.Claims(), "padding", new string('x', 6_000)));
        Assert.InRange(long1.Length, 8_193, 10_000);
        await AssertRefusedAsync(long1);

        var short1 = mesh.Forge.Sign(mesh.Forge.Header().ToJsonString(), Forge.With(Forge.Claims(), "padding", new string('x', 5_000)));
        Assert.InRange(short1.Length, 6_000, 8_192);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", short1)).Status);
    }

    [Theory]
    [InlineData("jku")]
    [InlineData("x5u")]
    public async Task A_key_URL_in_a_token_is_never_fetched(string name)
    {
        using var listener = new TcpListener(Loopback.Address, 0);
        listener.Start();
        var address = $"http://{listener.LocalEndpoint}/keys";

        await AssertRefusedAsync(mesh.Forge.Sign(Forge.With(mesh.Forge.Header(), name, address), Forge.Claims().ToJsonString()));

        Assert.False(listener.Pending());
    }

    [Fact]
    public async Task Two_Authorization_headers_are_an_invalid_request()
    {
        var token = mesh.Forge.Sign(mesh.Forge.Header(), Forge.Claims());
        foreach (var verifier in new[] { mesh.Gateway, mesh.Resource })
        {
            var answer = await RawHttp.SendAsync(
                verifier.Address,
                $"GET /protected HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n"
                + "Connection: close\r\n\r\n");

            Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
            Assert.Contains("\"code\":\"invalid_request\"", answer, StringComparison.Ordinal);

            var once = await RawHttp.SendAsync(
                verifier.Address,
                $"GET /protected HTTP/1.1\r\nHost: localhost\r\nAuthorization: bearer {token}\r\nConnection: close\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 200 ", once, StringComparison.Ordinal); // the scheme is case-insensitive (RFC 9110 §11.1)
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("Basic YWxpY2U6cGFzc3dvcmQ=")]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Digest x")]
    public async Task A_request_without_a_bearer_token_gets_missing_token(string? authorization)
    {
        foreach (var verifier in new[] { mesh.Gateway, mesh.Resource })
        {
            var answer = await verifier.SendAsync(HttpMethod.Get, "/protected", change: request =>
            {
                if (authorization is not null)
                {
                    request.Headers.TryAddWithoutValidation("Authorization", authorization);
                }
            });

            answer.AssertError(401, "missing_token", "Missing or invalid token");
            Assert.Equal("Bearer realm=\"authmesh\"", answer.Header("WWW-Authenticate"));
        }
    }

    [Fact]
    public async Task A_token_in_the_query_is_ignored()
    {
        var token = mesh.Forge.Sign(mesh.Forge.Header(), Forge.Claims());

        (await mesh.Gateway.GetAsync("/protected?access_token=" + token)).AssertError(401, "missing_token");
    }

    private async Task AssertRefusedAsync(string token)
    {
        foreach (var verifier in new[] { mesh.Gateway, mesh.Resource })
        {
            var answer = await verifier.GetAsync("/protected", token);
            answer.AssertError(401, "invalid_token", "Invalid or expired token");
            Assert.Equal(
                "Bearer realm=\"authmesh\", error=\"invalid_token\", error_description=\"Invalid or expired token\"",
                answer.Header("WWW-Authenticate"));
        }
    }

    // Rows are built long before they run, so they give times relative to now.
    private static string Change(JsonObject members, string name, string? json) =>
        json is null ? Forge.Without(members, name)
        : json.StartsWith("NOW", StringComparison.Ordinal)
            ? Forge.With(members, name, SecondsNow() + int.Parse(json["NOW".Length..], CultureInfo.InvariantCulture))
        : json.Contains("\\ud800", StringComparison.Ordinal) || json.StartsWith("1e", StringComparison.Ordinal) || json.Length > 18
            // text that a JSON writer would refuse or rewrite
            ? Forge.With(members, name, "PLACEHOLDER").Replace("\"PLACEHOLDER\"", json, StringComparison.Ordinal)
            : Forge.With(members, name, JsonNode.Parse(json));

    private static long SecondsNow() => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    private static char NextInAlphabet(char c)
    {
        const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        return Alphabet[(Alphabet.IndexOf(c, StringComparison.Ordinal) + 1) % Alphabet.Length];
    }
}
