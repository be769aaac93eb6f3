using AuthMesh.Errors;
using Microsoft.AspNetCore.Http.Features;

namespace AuthMesh.Gateway;

/// <summary>
/// Answers 413 to a body that is larger than its route allows. If the request announces the length, it refuses before forwarding anything.
/// If the body comes in chunks, it refuses as soon as the body exceeds the limit.
/// </summary>
internal static class BodyLimit
{
    // A client that is still sending when the connection closes may never see the answer, so the gateway first reads and drops this much.
    private const long Drained = 4 * 1024 * 1024;
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(3);

    private static readonly Failure TooLarge = CommonFailures.FromStatus(StatusCodes.Status413PayloadTooLarge);

    public static void UseBodyLimit(this IReverseProxyApplicationBuilder proxy) => proxy.Use(
        (context, next) => HasBody(context) ? ForwardAsync(context, next) : next(context));

    /// <summary>Whether the request announces a body, or may send one in chunks.</summary>
    public static bool HasBody(HttpContext context) => context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody is not false;

    private static async Task ForwardAsync(HttpContext context, RequestDelegate next)
    {
        var size = context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>();
        long? limit = context.GetReverseProxyFeature().Route.Config.MaxRequestBodySize switch
        {
            null => size.MaxRequestBodySize,
            -1 => null, // in YARP, -1 means no limit
            { } own => own,
        };
        if (context.Request.ContentLength > limit)
        {
            await RefuseAsync(context, size, context.Request.Body);
        }
        else if (context.Request.ContentLength is null && limit < Drained && !size.IsReadOnly)
        {
            var body = new LimitedBody(context.Request.Body, limit.Value, size);
            context.Request.Body = body;
            await next(context);
            if (body.IsExceeded && !context.Response.HasStarted)
            {
                await RefuseAsync(context, size, body.Inner);
            }
        }
        else
        {
            await next(context);
        }
    }

    private static async Task RefuseAsync(HttpContext context, IHttpMaxRequestBodySizeFeature size, Stream rest)
    {
        if (HttpProtocol.IsHttp11(context.Request.Protocol))
        {
            context.Response.Headers.Connection = "close"; // a client whose rest is not read to its end must not send another request
        }

        await TooLarge.ExecuteAsync(context);
        await context.Response.CompleteAsync();
        if (context.Request.ContentLength > Drained)
        {
            return;
        }

        if (!size.IsReadOnly)
        {
            size.MaxRequestBodySize = Drained;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        patience.CancelAfter(DrainTime);
        try
        {
            await rest.CopyToAsync(Stream.Null, patience.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            context.Abort(); // the answer is sent; a client that is slow or gone must not hold the connection
        }
    }

    private sealed class LimitedBody(Stream inner, long limit, IHttpMaxRequestBodySizeFeature size) : Stream
    {
        private long taken;

        public Stream Inner => inner;

        public bool IsExceeded => taken > limit;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (!size.IsReadOnly)
            {
                // Kestrel stops reading a body that exceeds its limit. The limit is raised here because YARP sets the route's limit again.
                size.MaxRequestBodySize = Drained;
            }

            var read = await inner.ReadAsync(buffer, cancellationToken);
            taken += read;
            return IsExceeded ? throw new BadHttpRequestException("The body is too large", StatusCodes.Status413PayloadTooLarge) : read;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
