using AuthMesh.Identity.Sessions;

namespace AuthMesh.Tests.Sessions;

/// <summary>What the claims of a token say about the proofs that a session has.</summary>
public sealed class ProvedMethodsTests
{
    [Theory]
    [InlineData("""{"pwd": 5000}""", 5000, "aal1", "pwd")]
    [InlineData("""{"otp": 5000}""", 5000, "aal1", "otp")]
    [InlineData("""{"otp": 5000, "recovery": 5000}""", 5000, "aal1", "otp")] // both are something that the user has
    [InlineData("""{"pwd": 5000, "otp": 5010}""", 5010, "aal2", "otp pwd mfa")]
    [InlineData("""{"pwd": 5000, "recovery": 4400}""", 5000, "aal2", "otp pwd mfa")] // ten minutes apart
    [InlineData("""{"pwd": 5000, "recovery": 4399}""", 5000, "aal1", "pwd")]
    [InlineData("""{"pwd": 4399, "otp": 5000}""", 5000, "aal1", "otp")]
    [InlineData("""{"passkey": 5000}""", 5000, "aal2", "pop mfa")]
    [InlineData("""{"passkey": 4399, "pwd": 5000}""", 5000, "aal1", "pwd")]
    [InlineData("""{"pwd": 5000, "of a newer version": 5100}""", 5100, "aal1", "pwd")]
    [InlineData("""{"of a newer version": 5000}""", 5000, "aal1", "")]
    [InlineData("{}", 0, "aal1", "")] // as an operator may write it
    public void Two_factors_count_only_when_proved_within_ten_minutes(string methods, long at, string assurance, string words)
    {
        var proof = ProvedMethods.Read(methods);

        Assert.Equal(
            (at, assurance, words), (proof.At.ToUnixTimeSeconds(), proof.Assurance, string.Join(' ', proof.Methods)));
    }
}
