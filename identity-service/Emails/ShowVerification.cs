using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Emails;

public sealed record ShowVerificationRequest([property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? Token = null);

/// <param name="SignedIn">Whether the caller is signed in to that account. Otherwise <see cref="VerifyEmail"/> needs its password.</param>
public sealed record ShowVerificationResponse(
    string Status, string Message, string Username, string Email, [property: JsonPropertyName("signed_in")] bool SignedIn);

/// <summary>Says which account asks for the reader's address, before its owner confirms or disowns it. It consumes nothing.</summary>
internal sealed class ShowVerification(AccountProofs proofs)
{
    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/verify/show",
        (ShowVerificationRequest request, HttpContext context, ShowVerification show, CancellationToken cancellationToken) =>
            show.RunAsync(request, context, cancellationToken)).AllowAnonymous()
        .ProducesFailure(ProofToken.InvalidOrExpired);

    public async Task<Results<Ok<ShowVerificationResponse>, Failure>> RunAsync(
        ShowVerificationRequest request, HttpContext context, CancellationToken cancellationToken) =>
        await proofs.FindAsync(request.Token, cancellationToken, ProofPurpose.VerifyEmail) is { } proof
            ? TypedResults.Ok(new ShowVerificationResponse(
                "success", $"{proof.Username} asks for the address {proof.Address}", proof.Username, proof.Address!,
                Caller.Find(context.User)?.UserId == proof.UserId))
            : ProofToken.InvalidOrExpired;
}
