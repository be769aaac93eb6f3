using System.CommandLine;
using AuthMesh.Identity.Passwords;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Bcrypt = BCrypt.Net.BCrypt;

namespace AuthMesh.Bench.Flood;

/// <summary>
/// A minimal service that hashes in one of several ways, and answers a request that needs no hash. It runs as a separate process.
/// </summary>
internal static class HashingService
{
    public const string Name = "hashing-service", Pool = "pool", Semaphore = "semaphore", Lane = "lane";

    private static readonly string Hash = Bcrypt.HashPassword("a password for a benchmark", HashSpeed.Cost);

    public static Command Define()
    {
        var way = new Argument<string>("way");
        var command = new Command(Name) { way };
        command.Hidden = true; // HashingWays starts it
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(way)!, cancellation));
        return command;
    }

    private static async Task RunAsync(string way, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(TimeProvider.System).AddSingleton<HashingLane>().AddRouting();
        builder.Services.AddOptions<HashingOptions>();
        await using var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.Run(Answer(way, app.Services.GetRequiredService<HashingLane>()));
        await app.StartAsync(cancellation);
        Console.WriteLine(app.Urls.First());
        await Console.In.ReadToEndAsync(cancellation); // ends when the process that started this one ends
    }

    private static RequestDelegate Answer(string way, HashingLane lane)
    {
        var turns = new SemaphoreSlim(Environment.ProcessorCount);
        return async context =>
        {
            if (context.Request.Path != "/login")
            {
                return;
            }

            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            switch (way)
            {
                case Pool:
                    await Task.Run(Verify);
                    break;
                case Semaphore:
                    await turns.WaitAsync(context.RequestAborted);
                    await Task.Run(Verify);
                    turns.Release();
                    break;
                default:
                    using (var place = await lane.EnterAsync(
                        new Applicant($"{context.Connection.RemoteIpAddress}", "nobody", false), context.RequestAborted))
                    {
                        if (place is null || await place.RunAsync(() => new object[] { Verify() }) is null)
                        {
                            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                        }
                    }

                    break;
            }
        };
    }

    private static bool Verify() => Bcrypt.Verify("a wrong password", Hash);
}
